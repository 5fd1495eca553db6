package catalog

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// read returns the text of a field of an answer, or "". A list is one text.
func (f field) read(a *answer) string {
	text := f.Is
	switch {
	case f.Header != "":
		text = a.header.Get(f.Header)
	case f.Path != "":
		text = textOf(lookup(a.json, f.Path))
	case f.Fact != "":
		text = textOf(lookup(a.facts, f.Fact))
	}
	if f.Match != "" {
		text = regexp.MustCompile(f.Match).FindString(text)
	}
	return text
}

// textOf is the texts, numbers and truths of a list, with commas between.
func textOf(list []any) string {
	var all []string
	for _, v := range list {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case json.Number:
			all = append(all, v.String())
		case bool:
			all = append(all, strconv.FormatBool(v))
		case []any:
			all = append(all, textOf(v))
		}
	}
	return strings.Join(all, ", ")
}

// dates are the ways to write a time that `expiry.as` knows.
var dates = map[string]func(string) (time.Time, error){
	"":         rfc3339,
	"rfc3339":  rfc3339,
	"unix":     unix,
	"http":     http.ParseTime,
	"date":     func(s string) (time.Time, error) { return time.Parse(time.DateOnly, s) },
	"datetime": datetime,
	"seconds":  fromNow,
}

func rfc3339(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }

func unix(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err
}

// fromNow reads how many seconds are left; 0 is no end.
func fromNow(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 32)
	if seconds == 0 {
		return time.Time{}, err
	}
	return time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second), err
}

// datetime reads a date, a time and a zone: UTC, or an offset as +0200.
func datetime(s string) (time.Time, error) {
	if utc, ok := strings.CutSuffix(s, " UTC"); ok {
		return time.Parse(time.DateTime, utc)
	}
	return time.Parse(time.DateTime+" -0700", s)
}

// read is the time that an answer tells there, in UTC; zero if it tells none.
func (e expiry) read(a *answer) time.Time {
	at, err := dates[e.As](field{Header: e.Header, Path: e.Path, Fact: e.Fact}.read(a))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// expiresAt is when the issuer says that the key ends; zero if it does not.
func (p *Provider) expiresAt(a *answer) time.Time {
	if p.file.Expiry == nil {
		return time.Time{}
	}
	return p.file.Expiry.read(a)
}

// limits is how often the issuer says that the key may be used; nil if it does not.
func (p *Provider) limits(a *answer) *key.Limits {
	at := p.file.Limits
	if at == nil {
		return nil
	}
	limit, err := strconv.ParseInt(at.Limit.read(a), 10, 64)
	remaining, errRemaining := strconv.ParseInt(at.Remaining.read(a), 10, 64)
	if err != nil || errRemaining != nil {
		return nil
	}
	return &key.Limits{Limit: limit, Remaining: remaining, ResetAt: at.Reset.read(a)}
}
