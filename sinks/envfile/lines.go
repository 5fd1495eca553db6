package envfile

import (
	"bytes"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
)

// parseLines reads what dotenv, shell and kubernetes have in common: empty lines, comments
// that are a line of their own, and NAME=value, with export before it but for kubernetes. value reads what stands after the
// equals sign, up to the line end, which may lie some lines below.
func parseLines(dialect string, data []byte, value func(b []byte) (v secret.Value, rest []byte, reason string)) ([]assignment, error) {
	var all []assignment
	seen := map[string]int{}
	line := 1
	fail := func(reason string) ([]assignment, error) {
		return nil, &SyntaxError{dialect, line, reason}
	}
	if at, reason := unreadable(data); reason != "" {
		line += bytes.Count(data[:at], []byte("\n"))
		return fail(reason)
	}
	for rest := data; len(rest) > 0; line++ {
		text, after := cutLine(rest)
		after = after[min(1, len(after)):]
		if len(text) == 0 || text[0] == '#' {
			if indexByte(text, '\r') >= 0 {
				return fail("it has a carriage return outside of quotes")
			}
			rest = after
			continue
		}
		assigned := rest
		if dialect != "kubernetes" {
			assigned = bytes.TrimPrefix(rest, []byte("export "))
		}
		text, _ = cutLine(assigned)
		name, _, reason := takeName(text)
		if reason == "" {
			reason = once(seen, name, line)
		}
		if reason != "" {
			return fail(reason)
		}
		v, after, reason := value(assigned[len(name)+1:])
		switch {
		case reason != "":
			return fail(reason)
		case len(after) > 0 && after[0] != '\n':
			return fail("something follows the value")
		}
		all = append(all, assignment{name, v, line})
		line += bytes.Count(rest[:len(rest)-len(after)], []byte("\n"))
		rest = after[min(1, len(after)):]
	}
	return all, nil
}

// cutLine splits b before its first line feed.
func cutLine(b []byte) (line, rest []byte) {
	if at := indexByte(b, '\n'); at >= 0 {
		return b[:at], b[at:]
	}
	return b, nil
}

// unreadable is where data has something that makes a reader refuse the file, cut a value
// short or lose the first variable.
func unreadable(data []byte) (at int, reason string) {
	for at < len(data) {
		switch r, n := utf8.DecodeRune(data[at:]); {
		case r == 0:
			return at, "it has a NUL"
		case r == utf8.RuneError && n == 1:
			return at, "it is not UTF-8"
		case r == '\ufeff' && at == 0:
			return at, "it begins with a byte order mark"
		default:
			at += n
		}
	}
	return 0, ""
}
