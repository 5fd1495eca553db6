package evidence

import (
	"html"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/ui"
)

// markup is HTML. A text becomes markup by esc alone; what this package writes itself are
// constants. (html/template would do it by name of the method, which keeps every method of
// every type in the binary.)
type markup string

// esc is a text as HTML shows it, also between quotes. What a terminal would obey, and what
// turns the direction of writing, is replaced.
func esc[S ~string](text S) markup { return markup(html.EscapeString(ui.Clean(string(text)))) }

// writer gathers markup.
type writer struct{ strings.Builder }

func (w *writer) add(parts ...markup) {
	for _, p := range parts {
		_, _ = w.WriteString(string(p)) // never fails
	}
}

// element is <name class="class">inside</name>.
func element(name, class markup, inside ...markup) markup {
	var w writer
	w.add("<", name)
	if class != "" {
		w.add(` class="`, class, `"`)
	}
	w.add(">")
	w.add(inside...)
	w.add("</", name, ">")
	return markup(w.String())
}

// clock is a time for a person, with the exact one for a machine.
func clock(at time.Time) markup {
	at = at.UTC()
	return markup(`<time datetime="`) + esc(at.Format(time.RFC3339)) + `">` + esc(at.Format("2006-01-02 15:04:05")) + "</time>"
}
