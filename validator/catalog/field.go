package catalog

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// read returns the text of a field of a live answer, or "". A list is one text.
func (f field) read(header http.Header, body any) string {
	text := f.Is
	switch {
	case f.Header != "":
		text = header.Get(f.Header)
	case f.Path != "":
		text = textOf(lookup(body, f.Path))
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
}

func rfc3339(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }

func unix(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err
}

// datetime reads a date, a time and a zone: UTC, or an offset as +0200.
func datetime(s string) (time.Time, error) {
	if utc, ok := strings.CutSuffix(s, " UTC"); ok {
		return time.Parse(time.DateTime, utc)
	}
	return time.Parse(time.DateTime+" -0700", s)
}

// expiresAt is when the issuer says that the key ends, in UTC; zero if it does not.
func (p *Provider) expiresAt(a *answer) time.Time {
	e := p.file.Expiry
	if e == nil {
		return time.Time{}
	}
	at, err := dates[e.As](field{Header: e.Header, Path: e.Path}.read(a.header, a.json))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
