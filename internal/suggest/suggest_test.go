package suggest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"check", "config", "status", "id", "anthropic"}
	for _, c := range []struct{ rule, word, want string }{
		{"a swap is one slip", "statsu", "status"},
		{"a letter too many is one slip", "configg", "config"},
		{"a letter too few is one slip", "chek", "check"},
		{"case is no slip", "ANTHROPIC", "anthropic"},
		{"two letters differ in case only", "ID", "id"},
		{"two letters with a slip are another word", "ie", ""},
		{"a third of the letters and no more", "anthxxxxc", ""},
		{"what is far is nobody's slip", "elsewhere", ""},
		{"nothing means nothing", "", ""},
		{"a word without an end is nobody's slip", strings.Repeat("status", 100), ""},
	} {
		if got := Nearest(c.word, known); got != c.want {
			t.Errorf("%s: %q means %q, want %q", c.rule, c.word, got, c.want)
		}
	}
	if got := Nearest("stat", []string{"stab", "star"}); got != "stab" {
		t.Errorf("of names equally near the first is taken: %q", got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringOf(rapid.RuneFrom([]rune("abc"))).Draw(t, "a"), rapid.StringOf(rapid.RuneFrom([]rune("abc"))).Draw(t, "b")
		got := Distance(a, b)
		if got != Distance(b, a) || got == 0 != (a == b) || got > max(len(a), len(b)) || got < max(len(a)-len(b), len(b)-len(a)) {
			t.Fatalf("%q and %q: %d and %d", a, b, got, Distance(b, a))
		}
	})
}
