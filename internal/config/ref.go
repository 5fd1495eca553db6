package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/key"
)

var (
	sourceName = newWord("[A-Za-z_]", "[A-Za-z0-9_.-]", 64)
	paramName  = newWord("[a-z]", "[a-z0-9_-]", 64)
)

// ParseRef reads a reference: <source>://<path>[?<param>=<value>&…][#<field>].
//
// It is no URL: ARNs and file names stand in it as they are. The path runs to the
// first ? or #, in which %23, %3F and %25 stand for # ? %; a parameter's value
// may also have %26 %2B %3B for & + ;. The field is all that follows the #, as it
// is: a name, or with a leading / a JSON pointer. The parameter version becomes
// Location.Version; the others stay in Location.Params, sorted, still escaped, so that
// url.ParseQuery reads them. An error never quotes the reference.
func ParseRef(s string) (key.Ref, error) {
	var ref key.Ref
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return ref, errors.New("a reference is one line of text")
	}
	source, rest, ok := strings.Cut(s, "://")
	if !ok || !sourceName.MatchString(source) {
		return ref, errors.New("a reference begins with the name of a source and ://, such as vault://secret/app#key")
	}
	rest, field, hasField := strings.Cut(rest, "#")
	if hasField && field == "" {
		return ref, errors.New("a field's name is missing after the #")
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	path, err := unescape(path, "#?%")
	switch {
	case err != nil:
		return ref, err
	case path == "":
		return ref, errors.New("the path after :// is missing")
	}
	ref = key.Ref{Location: key.Location{Source: source, Path: path}, Field: field}
	if hasQuery {
		err = parseParams(&ref.Location, query)
	}
	if err != nil {
		return key.Ref{}, err
	}
	return ref, nil
}

func parseParams(loc *key.Location, query string) error {
	params := make(map[string]string)
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		if !paramName.MatchString(name) || raw == "" {
			return errors.New("a parameter is written name=value")
		}
		if _, twice := params[name]; twice {
			return errors.New("a parameter is said twice")
		}
		value, err := unescape(raw, reserved)
		if err != nil {
			return err
		}
		params[name] = value
	}
	loc.Version = key.Version(params["version"])
	delete(params, "version")
	var all []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		all = append(all, name+"="+escape(params[name], reserved))
	}
	loc.Params = strings.Join(all, "&")
	return nil
}

// reserved are the characters that a parameter's value cannot have as they are.
const reserved = "#?%&+;"

// FormatRef writes a reference so that ParseRef reads the same.
func FormatRef(r key.Ref) string {
	s := r.Source + "://" + escape(r.Path, "#?%")
	query := r.Params
	if r.Version != "" {
		query = strings.TrimSuffix("version="+escape(string(r.Version), reserved)+"&"+r.Params, "&")
	}
	if query != "" {
		s += "?" + query
	}
	if r.Field != "" {
		s += "#" + r.Field
	}
	return s
}

func escape(s, set string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(set, r) {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unescape undoes escape. A % that begins none of the escapes of set is refused,
// so that every reference has one meaning.
func unescape(s, set string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "%")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		at := -1
		if len(after) >= 2 {
			at = strings.Index(escape(set, set), "%"+strings.ToUpper(after[:2]))
		}
		if at < 0 {
			return "", errors.New("a % is written %25, a # %23, a ? %3F")
		}
		b.WriteByte(set[at/3])
		s = after[2:]
	}
}
