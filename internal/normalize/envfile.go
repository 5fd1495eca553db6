package normalize

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/livekey/livekey/internal/secret"
)

// assignment is a line NAME=value, as systemd, docker, shells and dotenv
// libraries agree to read it. "export" is the shells' alone, and harmless.
var assignment = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)=`)

// Assigned is the variable that a line of an env file assigns, "" if it is none
// of NAME=value.
func Assigned(line []byte) string {
	m := assignment.FindSubmatch(line)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// variable takes a variable out of an env file. The parsers in use disagree about
// much; what they do not all read alike is a fault instead of a guess.
func variable(text []byte, name string) (secret.Value, *Fault) {
	type hit struct {
		value  secret.Value
		fault  *Fault
		offset int
	}
	var hits []hit
	var names []string
	for offset := 0; offset < len(text); {
		line, _, _ := bytes.Cut(text[offset:], []byte("\n"))
		start := offset
		offset += len(line) + 1
		if blank := bytes.TrimSpace(line); len(blank) == 0 || blank[0] == '#' {
			continue
		}
		m := assignment.FindSubmatchIndex(line)
		if m == nil {
			fault := Fault{Name: NotEnv, Detail: "this line is neither NAME=value nor a comment: correct the file, or take format=env out of from:"}.place(text, start)
			return secret.Value{}, &fault
		}
		value, closed, reason := unquote(line[m[1]:])
		if !closed {
			fault := Fault{Name: NotEnv, Detail: "the quote that begins here does not end on this line: write the value on one line"}.place(text, start+m[1])
			return secret.Value{}, &fault
		}
		found := string(line[m[2]:m[3]])
		names = append(names, found)
		if found != name {
			continue
		}
		h := hit{value: secret.New(value), offset: start + m[1]}
		if reason != "" {
			fault := Fault{Name: Ambiguous, Detail: fmt.Sprintf("variable %s %s: write it in single quotes", name, reason)}.place(text, h.offset)
			h.fault = &fault
		}
		hits = append(hits, h)
	}
	switch len(hits) {
	case 0:
		fault := Fault{Name: MissingField, Detail: fmt.Sprintf("the file has no variable %s", name)}
		if near := nearest(name, names); near != "" {
			fault.Detail += fmt.Sprintf(", but %s", near)
		}
		fault.Detail += ": name one that it has after # in from:"
		return secret.Value{}, &fault
	case 1:
		return hits[0].value, hits[0].fault
	default:
		fault := Fault{Name: DuplicateField, Detail: fmt.Sprintf("variable %s is set %d times: keep one", name, len(hits))}.place(text, hits[1].offset)
		return secret.Value{}, &fault
	}
}

// unquote reads what follows the equals sign. closed is false where a quote does
// not end; reason says why parsers would not agree, or is empty.
func unquote(raw []byte) (value []byte, closed bool, reason string) {
	if len(raw) == 0 {
		return nil, true, ""
	}
	quote := raw[0]
	if quote != '"' && quote != '\'' {
		switch {
		case bytes.ContainsAny(raw, "\\\"'`"):
			reason = "has a backslash or a quote inside, which parsers read differently"
		case bytes.Contains(raw, []byte(" #")), bytes.Contains(raw, []byte("\t#")):
			reason = "has a blank and #, which begins a comment for some parsers and not for others"
		}
		return bytes.Clone(raw), true, reason
	}
	end := bytes.IndexByte(raw[1:], quote)
	if end < 0 {
		return nil, false, ""
	}
	inside, after := raw[1:1+end], raw[2+end:]
	switch {
	case len(bytes.TrimRight(after, " \t\r")) > 0:
		reason = "goes on after its closing quote, which parsers read differently"
	case quote == '"' && bytes.ContainsAny(inside, "\\$`"):
		reason = "has a backslash, $ or ` in double quotes, which parsers read differently"
	}
	return bytes.Clone(inside), true, reason
}
