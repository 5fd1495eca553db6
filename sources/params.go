package sources

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// FormatParam is the parameter that every kind takes: how normalize opens the
// record. Its values are plain, json and env; without it a field implies json.
const FormatParam = "format"

// Params are the parameters of loc by name. One that was written without "=" is empty.
func Params(loc key.Location) map[string]string {
	params := make(map[string]string)
	for pair := range strings.SplitSeq(loc.Params, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			params[name] = value
		}
	}
	return params
}

// LintParams is the part of Linter that kinds share: it refuses a parameter that
// is neither format nor one of known, and a format that cannot hold the field of
// ref. Every fault is in the joined error.
func LintParams(ref key.Ref, known ...string) error {
	known = append([]string{FormatParam}, known...)
	slices.Sort(known)
	var faults []error
	params := Params(ref.Location)
	for name := range params {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("unknown parameter %q: this kind of source takes %s", name, strings.Join(known, ", ")))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if format, given := params[FormatParam]; given {
		faults = append(faults, lintFormat(format, ref.Field))
	}
	return errors.Join(faults...)
}

func lintFormat(format, field string) error {
	switch {
	case !slices.Contains([]string{"plain", "json", "env"}, format):
		return fmt.Errorf("format=%s is none of plain, json, env", format)
	case format == "plain" && field != "":
		return fmt.Errorf("format=plain has no field %q: leave the format out for JSON, or write format=env", field)
	case format == "env" && field == "":
		return errors.New("format=env needs the name of a variable: add #NAME")
	case format == "env" && strings.HasPrefix(field, "/"):
		return fmt.Errorf("format=env has variables, not pointers: write #%s", strings.TrimPrefix(field, "/"))
	default:
		return nil
	}
}
