package alerts_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/livekey/livekey/alerts"
)

func TestALineFits(t *testing.T) {
	for text, want := range map[string]string{
		"short":               "short",
		" two\r\n\tlines ":    "two lines",
		"\x00\x1b[31mred\xff": "[31mred",
		"exactly ten":         "exactl…", // … has three bytes
		"ééééééééé":           "ééé…",
	} {
		got := alerts.Line(text, 10)
		if text == "exactly ten" || text == "ééééééééé" {
			got = alerts.Line(text, 9)
		}
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := alerts.Lines([]string{"a\nb", "c", "d"}, 2, 10); !slices.Equal(got, []string{"a b", "c"}) {
		t.Errorf("lines %q", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\u2028\u202ea\xffb", 5)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 3 + max(0, limit%1000)
		if got := alerts.Line(text, limit); len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00\x1b") {
			t.Errorf("%q in %d bytes: %q", text, limit, got)
		}
	})
}

func TestFactsAreSorted(t *testing.T) {
	d := alerts.Data{Evidence: map[string]string{"b": "2", "a": "1"}}
	if got := d.Facts(); !slices.Equal(got, []string{"a: 1", "b: 2"}) {
		t.Errorf("%q", got)
	}
}
