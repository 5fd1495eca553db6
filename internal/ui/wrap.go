package ui

import (
	"strings"
	"unicode/utf8"
)

// Wrap is text in style, with first before it and a newline after it. If that is
// wider than the terminal it is broken between words, and each further line begins
// with rest. A word longer than a line is not broken: somebody may copy it.
func (p Printer) Wrap(style Style, first, rest, text string) string {
	text = Clean(text)
	var b strings.Builder
	lead, line := first, ""
	end := func() { b.WriteString(lead + p.Paint(style, line) + "\n") }
	width := func(s string) int { return utf8.RuneCountInString(s) }
	if p.Width == 0 || width(first)+width(text) <= p.Width {
		line = text
		end()
		return b.String()
	}
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case width(lead)+width(line)+1+width(word) <= p.Width:
			line += " " + word
		default:
			end()
			lead, line = rest, word
		}
	}
	end()
	return b.String()
}
