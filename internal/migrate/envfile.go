package migrate

import (
	"regexp"
	"strings"
)

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// opened is a line of an env file up to its value.
	opened = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(["']?)$`)
	// literal is a line that assigns a text of the template itself.
	literal = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=`)
)

// onlyValue is the value that a template consists of.
func onlyValue(pieces []piece) (v value, alone bool) {
	for _, p := range pieces {
		switch {
		case p.value != nil && alone:
			return v, false
		case p.value != nil:
			v, alone = *p.value, true
		case strings.TrimSpace(p.text) != "":
			return v, false
		}
	}
	return v, alone
}

// assigned is one line NAME=value.
type assigned struct {
	name  string
	value value
}

// assignments are the lines NAME=value that a template makes. literals are variables with
// texts of its own; other is whether it has lines of another form.
func assignments(pieces []piece) (all []assigned, literals []string, other bool) {
	for _, line := range lines(pieces) {
		var before strings.Builder
		var values []value
		for _, p := range line {
			if p.value != nil {
				values = append(values, *p.value)
			} else if len(values) == 0 {
				before.WriteString(p.text)
			}
		}
		text := before.String()
		switch m := opened.FindStringSubmatch(text); {
		case len(values) == 1 && m != nil && strings.TrimSpace(after(line)) == m[2]:
			all = append(all, assigned{m[1], values[0]})
		case len(values) > 0:
			other = true
		case strings.TrimSpace(text) == "" || strings.HasPrefix(strings.TrimSpace(text), "#"):
		case literal.MatchString(text) && !strings.Contains(text, "\x00"):
			literals = append(literals, literal.FindStringSubmatch(text)[1])
		default:
			other = true
		}
	}
	return all, literals, other
}

// after is the text of a line behind its value.
func after(line []piece) string {
	text := ""
	for _, p := range line {
		if p.value != nil {
			text = ""
		}
		text += p.text
	}
	return text
}

// lines are the pieces of each line.
func lines(pieces []piece) [][]piece {
	all := [][]piece{nil}
	add := func(p piece) { all[len(all)-1] = append(all[len(all)-1], p) }
	for _, p := range pieces {
		if p.value != nil {
			add(p)
			continue
		}
		for i, text := range strings.Split(p.text, "\n") {
			if i > 0 {
				all = append(all, nil)
			}
			add(piece{text: text})
		}
	}
	return all
}
