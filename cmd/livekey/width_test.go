package main

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
)

func tooWide(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestHelpFits80Columns(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		var out strings.Builder
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil || out.Len() == 0 {
			t.Fatalf("%s: %v", cmd.CommandPath(), err)
		}
		for _, line := range tooWide(out.String()) {
			t.Errorf("%s: %s", cmd.CommandPath(), line)
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).root())
}

func TestErrorsBreakBetweenWordsOnATerminal(t *testing.T) {
	_, faults := config.Read("livekey.yaml", []byte("keys: {}\npolicy: {confirm: {over: long}}\n"), config.Kinds{})
	for rule, err := range map[string]error{
		"an error":           errors.New(strings.Repeat("word ", 40) + "end"),
		"faults of a config": faults,
	} {
		var out strings.Builder
		a := &app{err: ui.Printer{Out: &out, Width: 80}}
		a.complain(err)
		for _, line := range tooWide(out.String()) {
			t.Errorf("%s: %s", rule, line)
		}
		out.Reset()
		a.err.Width = 0
		a.complain(err)
		if want := err.Error() + "\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("%s: what is no terminal gets %q, want %q", rule, out.String(), want)
		}
	}
}

func TestWhatCommandsSayFits80Columns(t *testing.T) {
	var out, err strings.Builder
	a := &app{out: ui.Printer{Out: &out, Width: 80}, err: ui.Printer{Out: &err, Width: 80, Color: true}}
	long := strings.Repeat("word ", 40) + "end"
	if err := a.say("%s", long); err != nil {
		t.Fatal(err)
	}
	a.note("%s", long)
	a.remark(ui.Bad, "livekey:", "%s", long)
	plain := strings.NewReplacer(string(ui.Bad), "", "\x1b[0m", "").Replace(err.String())
	if lines := tooWide(out.String() + plain); len(lines) > 0 || strings.Count(out.String()+plain, "end\n") != 3 {
		t.Errorf("%q in\n%s%s", lines, out.String(), plain)
	}
	if !strings.Contains(err.String(), string(ui.Bad)+"livekey:\x1b[0m word") {
		t.Errorf("the word that leads has no color in %q", err.String())
	}
}

func TestAFirstConfigFits80Columns(t *testing.T) {
	for _, line := range tooWide(starter("/home/somebody/.config/livekey")) {
		t.Error(line)
	}
}
