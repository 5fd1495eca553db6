package drill

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/livekey/livekey/internal/ui"
)

// width is what every terminal has.
const width = 80

// A printer shows the drill while it goes on. Write errors end the drill's
// output, not the drill: they show up in end.
type printer struct {
	ui   ui.Printer
	json bool
	err  error
}

func (p *printer) printf(format string, args ...any) {
	if !p.json && p.err == nil {
		_, p.err = fmt.Fprintf(p.ui.Out, format, args...)
	}
}

func (p *printer) start(dir string) {
	p.printf("One rotation and its accidents, offline, against this very binary.\n%s\n\n", dir)
}

// begin names the step that is being played, on terminals only.
func (p *printer) begin(name string) {
	if p.ui.Color {
		p.printf("· %s", name)
	}
}

func (p *printer) step(s Step) {
	if p.ui.Color {
		p.printf("\r\x1b[K")
	}
	p.printf("%s %-*s %6.1f s\n", p.mark(s.Kept), width-12, s.Name, s.Seconds)
	for _, c := range s.Claims {
		said := c.Said
		if !c.Kept {
			said = "NOT KEPT: " + said
		}
		for i, line := range wrap(said, width-9) {
			id := ""
			if i == 0 {
				id = c.Promise
			}
			p.printf("    %-4s %s\n", id, line)
		}
	}
}

// end prints the table, or the whole report as JSON.
func (p *printer) end(r Report) error {
	if p.json {
		enc := json.NewEncoder(p.ui.Out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("print the drill's report: %w", err)
		}
		return nil
	}
	n := 0
	p.printf("\nPromises\n")
	for _, t := range r.Promises {
		p.printf("%s %-4s %-22s %s\n", p.mark(t.Result == kept), t.ID, t.Title, result(t))
		for _, line := range wrap(t.Broken, width-7) {
			p.printf("       %s\n", line)
		}
		if t.Result == kept {
			n++
		}
	}
	p.printf("\n%d of %d promises kept, in %.1f s.\n", n, len(r.Promises), r.Seconds)
	switch {
	case r.Dir != "":
		p.printf("The drill's folder stays: %s\n", r.Dir)
	case !r.Kept:
		p.printf("With --keep the drill's folder stays, and in it the daemon's log.\n")
	}
	if p.err != nil {
		return fmt.Errorf("print the drill: %w", p.err)
	}
	return nil
}

func result(t Promise) string {
	switch t.Result {
	case unseen:
		return "not seen"
	case broken:
		return "NOT KEPT"
	}
	if t.Seen == 1 {
		return "kept, seen once"
	}
	return fmt.Sprintf("kept, seen %d times", t.Seen)
}

func (p *printer) mark(ok bool) string {
	if ok {
		return p.ui.Paint(ui.Good, "✓")
	}
	return p.ui.Paint(ui.Bad, "✗")
}

// wrap breaks text at blanks into lines of at most n characters; a longer word stays whole.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
