package journald

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// attr is one attribute without structure: the names of its groups, then its own.
type attr struct {
	path  []string
	value string
}

// flatten appends what a says to list. Like every log of livekey, it leaves out what is
// empty.
func flatten(list []attr, groups []string, a slog.Attr) []attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			groups = append(slices.Clip(groups), a.Key)
		}
		for _, inner := range v.Group() {
			list = flatten(list, groups, inner)
		}
		return list
	}
	text := textOf(v)
	if a.Key == "" || text == "" {
		return list
	}
	return append(list, attr{append(slices.Clip(groups), a.Key), text})
}

func textOf(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().UTC().Format(time.RFC3339Nano)
	}
	if entries, ok := v.Any().([]string); ok {
		return strings.Join(entries, "; ")
	}
	return v.String()
}

// field is the attribute's name in the journal: LIVEKEY_EVIDENCE_DETAIL.
func (a attr) field() string {
	name := prefix + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		default:
			return '_'
		}
	}, strings.Join(a.path, "_"))
	return name[:min(len(name), maxName)]
}

// text is the attribute in a message: evidence.detail="three words".
func (a attr) text() string {
	value := a.value
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '=' || !unicode.IsPrint(r) }) {
		value = strconv.Quote(value)
	}
	return strings.Join(a.path, ".") + "=" + value
}

func (a attr) in(group string) bool { return len(a.path) > 1 && a.path[0] == group }
