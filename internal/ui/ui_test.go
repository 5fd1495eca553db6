package ui

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestColumnsAlignWithAndWithoutColor(t *testing.T) {
	table := NewTable("key", "empty", "outcome", "detail")
	table.Row(Cell{"OPENAI_API_KEY", Title}, Text(""), Cell{"live", Good}, Text("fine"))
	table.Row(Text("Ä"), Text(""), Cell{"unknown", Warn})
	const want = "KEY             OUTCOME  DETAIL\n" +
		"OPENAI_API_KEY  live     fine\n" +
		"Ä               unknown\n"
	for _, color := range []bool{false, true} {
		var out bytes.Buffer
		if err := (Printer{Out: &out, Color: color}).Print(table); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if strings.Contains(got, "\x1b") != color {
			t.Errorf("color=%t: %q", color, got)
		}
		for _, s := range []Style{Good, Warn, Bad, Faint, Title, reset} {
			got = strings.ReplaceAll(got, string(s), "")
		}
		if got != want {
			t.Errorf("color=%t: got\n%s\nwant\n%s", color, got, want)
		}
	}
}

func TestATableFitsItsTerminal(t *testing.T) {
	table := NewTable("key", "verdict", "empty", "sinks")
	table.Row(Cell{"OPENAI_API_KEY", Title}, Cell{"live", Good}, Text(""), Text("app files"))
	table.Row(Text("B"), Text("dead"))
	for _, c := range []struct {
		rule  string
		width int
		want  string
	}{
		{"what fits stays", 34, "KEY             VERDICT  SINKS\nOPENAI_API_KEY  live     app files\nB               dead\n"},
		{
			"the last column goes on below itself", 33,
			"KEY             VERDICT  SINKS\nOPENAI_API_KEY  live     app\n                         files\nB               dead\n",
		},
		{
			"without room for a word it goes on below the line", 29,
			"KEY             VERDICT\nOPENAI_API_KEY  live\n  SINKS app files\nB               dead\n",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var out bytes.Buffer
			if err := (Printer{Out: &out, Width: c.width}).Print(table); err != nil || out.String() != c.want {
				t.Errorf("got (%v)\n%s\nwant\n%s", err, out.String(), c.want)
			}
		})
	}
}

func TestNothingMovesTheCursor(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[2Jb": "a\uFFFD[2Jb", "a\r\nb": "a  b", "a\u202eb": "a\uFFFDb", "é ok": "é ok",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNoColorUnlessATerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if New(f).Color || New(&bytes.Buffer{}).Color {
		t.Error("colors into a file")
	}
	if New(f).Width != 0 {
		t.Error("lines of a file are broken")
	}
}

func TestAgesHaveOneUnit(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	for ago, want := range map[time.Duration]string{
		-time.Minute: "now", 0: "now", 90 * time.Second: "90s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h", 47 * time.Hour: "47h", 48 * time.Hour: "2d",
	} {
		if got := Age(now, now.Add(-ago)); got != want {
			t.Errorf("%s ago is %q, want %q", ago, got, want)
		}
	}
	if got := Age(now, time.Time{}); got != "-" {
		t.Errorf("never is %q", got)
	}
}

func TestLongLinesBreakBetweenWords(t *testing.T) {
	for _, c := range []struct {
		rule  string
		p     Printer
		first string
		text  string
		want  string
	}{
		{"what fits stays", Printer{Width: 12}, "-> ", "one two 3", "-> one two 3\n"},
		{"what does not goes on below", Printer{Width: 12}, "-> ", "one two 34 five six", "-> one two\n   34 five\n   six\n"},
		{"columns are characters, not bytes", Printer{Width: 9}, "", "äöü äöü 3", "äöü äöü 3\n"},
		{"a long word stays whole", Printer{Width: 8}, "-> ", "a /run/livekey/app.env b", "-> a\n   /run/livekey/app.env\n   b\n"},
		{"without a terminal nothing breaks", Printer{}, "-> ", strings.Repeat("word ", 99), "-> " + strings.Repeat("word ", 99) + "\n"},
		{"each line has its color", Printer{Width: 8, Color: true}, "", "one two three", "\x1b[31mone two\x1b[0m\n   \x1b[31mthree\x1b[0m\n"},
		{"nothing moves the cursor", Printer{Width: 4}, "", "a\x1b[2J b", "a\uFFFD[2J\n   b\n"},
		{"nothing is a line", Printer{Width: 4}, "", "", "\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := c.p.Wrap(Bad, c.first, "   ", c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
