// Package ui prints for people: aligned columns, colors on a terminal only, and
// nothing that could move the cursor.
package ui

import (
	"cmp"
	"io"
	"os"
	"strings"
	"unicode"
)

// Printer knows what one output can show.
type Printer struct {
	Out   io.Writer
	Color bool
	Width int // columns of a line; 0: lines are as long as they are
}

// New makes a Printer for w: with colors if it is a terminal that has them, and
// NO_COLOR (https://no-color.org) is not set. What no person watches keeps its
// lines whole: grep finds in one what belongs together.
func New(w io.Writer) Printer {
	f, ok := w.(*os.File)
	if !ok || !terminal(f) {
		return Printer{Out: w}
	}
	return Printer{
		Out:   w,
		Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Width: cmp.Or(columns(f), defaultWidth),
	}
}

// defaultWidth is that of a terminal that does not say.
const defaultWidth = 80

// IsTerminal says whether a person watches w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && terminal(f)
}

// HideTyping makes a terminal show nothing of what is typed, until show is called. Of what
// is no terminal, hidden is false.
func HideTyping(in io.Reader) (show func(), hidden bool) {
	f, ok := in.(*os.File)
	if !ok {
		return nil, false
	}
	show, err := hide(f)
	return show, err == nil
}

// Style is how a word looks on a terminal.
type Style string

// The styles, by what they mean.
const (
	Plain Style = ""
	Good  Style = "\x1b[32m"
	Warn  Style = "\x1b[33m"
	Bad   Style = "\x1b[31m"
	Faint Style = "\x1b[2m"
	Title Style = "\x1b[1m"
)

const reset = "\x1b[0m"

// Paint is text in style, as it is where there are no colors.
func (p Printer) Paint(style Style, text string) string {
	text = Clean(text)
	if !p.Color || style == Plain || text == "" {
		return text
	}
	return string(style) + text + reset
}

// Clean replaces what a terminal would obey: an issuer's or a backend's text
// could hold it.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return unicode.ReplacementChar
	}, text)
}
