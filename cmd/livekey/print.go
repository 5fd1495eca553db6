package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// say prints what a command without data has done, broken between words on a terminal.
func (a *app) say(format string, args ...any) error {
	return a.print(a.out.Wrap(ui.Plain, "", "  ", fmt.Sprintf(format, args...)))
}

// print prints lines that are clean and painted already.
func (a *app) print(lines string) error {
	if _, err := fmt.Fprint(a.out.Out, lines); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printFields prints names and texts in turn, one pair a line; an empty text is left out.
func (a *app) printFields(pairs ...string) error {
	width := 0
	for pair := range slices.Chunk(pairs, 2) {
		if name, text := pair[0], pair[1]; text != "" {
			width = max(width, len(name))
		}
	}
	var b strings.Builder
	for pair := range slices.Chunk(pairs, 2) {
		if name, text := pair[0], pair[1]; text != "" {
			below := strings.Repeat(" ", width+2)
			b.WriteString(a.out.Paint(ui.Faint, fmt.Sprintf("%-*s", width, name)) + "  ")
			b.WriteString(strings.TrimPrefix(a.out.Wrap(ui.Plain, below, below, text), below))
		}
	}
	return a.print(b.String())
}

// verdict is an outcome and its reason, as one cell.
func verdict(o key.Outcome, r key.Reason) ui.Cell {
	text := o.String()
	if r != "" && r != key.Valid {
		text += "/" + string(r)
	}
	var style ui.Style
	switch judgeOutcome(o, r) {
	case ok:
		style = ui.Good
	case notLive:
		style = ui.Bad
	default:
		style = ui.Warn
	}
	return ui.Cell{Text: text, Style: style}
}

// oneLine is text that has several lines, such as errors that were joined, on one. A
// line of a config and the mark below it, which begin with a blank, are left out.
func oneLine(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !strings.HasPrefix(line, " ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
