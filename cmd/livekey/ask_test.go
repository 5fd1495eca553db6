package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/ui"
)

// Somebody who presses Ctrl-C is not asked to finish the line first.
func TestAQuestionEndsWithItsCommand(t *testing.T) {
	in, typed := io.Pipe()
	defer func() { _ = typed.Close() }()
	q := &asker{in: bufio.NewReader(in), to: ui.Printer{Out: io.Discard}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.line(ctx, "Which?", "", anything); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatAnAnswerIs(t *testing.T) {
	for _, c := range []struct{ rule, typed, want string }{
		{"an empty line is the default", "\n", "b"},
		{"a number chooses", "3\n", "c"},
		{"what is no choice is asked again", "7\nx\n1\n", "a"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var shown strings.Builder
			q := &asker{in: bufio.NewReader(strings.NewReader(c.typed)), to: ui.Printer{Out: &shown, Width: 80}}
			got, err := q.choose(t.Context(), "Which one?", []choice{{"a", "the first"}, {"b", strings.Repeat("long ", 30)}, {"c", "the third"}}, "b")
			if err != nil || got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			if wide := tooWide(shown.String()); len(wide) > 0 {
				t.Errorf("wider than a terminal: %q", wide)
			}
		})
	}
	nobody := &asker{}
	if got, err := nobody.choose(t.Context(), "Which one?", []choice{{"a", ""}, {"b", ""}}, "b"); err != nil || got != "b" {
		t.Errorf("nobody was asked, and chose %q (%v)", got, err)
	}
}
