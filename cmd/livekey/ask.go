package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/livekey/livekey/internal/ui"
)

// asker asks a person at a terminal, one line at a time. Where nobody is to be asked, each
// answer is its default.
type asker struct {
	in *bufio.Reader // nil: nobody is asked, and nothing is told
	to ui.Printer
}

// asker asks whoever types into standard input, unless that is no terminal. Questions
// are for stderr, or if that leads elsewhere, for the terminal itself.
func (a *app) asker(asks bool) *asker {
	f, isFile := a.in.(*os.File)
	if !asks || !isFile || !ui.IsTerminal(f) {
		return &asker{}
	}
	q := &asker{in: bufio.NewReader(f), to: a.err}
	if !ui.IsTerminal(q.to.Out) {
		q.to = ui.New(f)
	}
	return q
}

// asks says whether there is a person who answers.
func (q *asker) asks() bool { return q.in != nil }

// tell prints a paragraph.
func (q *asker) tell(format string, args ...any) {
	q.print(ui.Plain, "", "  ", fmt.Sprintf(format, args...))
}

func (q *asker) print(style ui.Style, first, rest, text string) {
	if q.asks() {
		_, _ = io.WriteString(q.to.Out, q.to.Wrap(style, first, rest, text))
	}
}

// item prints a line of a list.
func (q *asker) item(format string, args ...any) {
	q.print(ui.Plain, "  ", "    ", fmt.Sprintf(format, args...))
}

// errNoAnswer is the end of what is typed, before every question was answered.
var errNoAnswer = errors.New("the answers ended before the questions: nothing was written")

// line asks for a line, until accept takes it; fallback is what an empty one means, where
// it is not empty itself.
func (q *asker) line(ctx context.Context, question, fallback string, accept func(string) error) (string, error) {
	q.tell("")
	return q.answer(ctx, question, fallback, accept)
}

func (q *asker) answer(ctx context.Context, question, fallback string, accept func(string) error) (string, error) {
	for {
		if !q.asks() {
			return fallback, accept(fallback)
		}
		shown := question
		if fallback != "" {
			shown += " [" + fallback + "]"
		}
		_, _ = io.WriteString(q.to.Out, q.to.Wrap(ui.Title, "", "  ", shown)+"> ")
		answer, err := q.read(ctx)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = fallback
		}
		if err = accept(answer); err == nil {
			return answer, nil
		}
		q.tell("%v", err)
	}
}

func (q *asker) read(ctx context.Context) (string, error) {
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() { // a terminal gives nothing until somebody ends a line, and cannot be told to stop
		text, err := q.in.ReadString('\n')
		done <- typed{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-done:
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if got.err != nil {
			return "", &exitError{usage, errNoAnswer}
		}
		return strings.TrimSpace(got.text), nil
	}
}

// choice is one of what a person may choose from.
type choice struct {
	word string // what the code calls it
	text string
}

// choose asks for one of all, by its number; the word of the one that is taken.
func (q *asker) choose(ctx context.Context, question string, all []choice, fallback string) (string, error) {
	q.tell("")
	q.print(ui.Title, "", "  ", question)
	at := 0
	for i, c := range all {
		if c.word == fallback {
			at = i
		}
		q.print(ui.Plain, fmt.Sprintf("%3d  ", i+1), "     ", c.text)
	}
	_, err := q.answer(ctx, "Which?", strconv.Itoa(at+1), func(answer string) error {
		n, err := strconv.Atoi(answer)
		if err != nil || n < 1 || n > len(all) {
			return fmt.Errorf("a number from 1 to %d", len(all))
		}
		at = n - 1
		return nil
	})
	return all[at].word, err
}

// anything takes every answer but none.
func anything(answer string) error {
	if answer == "" {
		return errors.New("this needs an answer")
	}
	return nil
}

// maybe takes every answer, none too.
func maybe(string) error { return nil }
