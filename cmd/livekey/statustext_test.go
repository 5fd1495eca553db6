package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

// On a terminal no line of a status but a row of its table is broken by the
// terminal itself, and none of its words is lost.
func TestLongLinesOfAStatusFitTheTerminal(t *testing.T) {
	long := strings.Repeat("the issuer said something long ", 8) + "END"
	s := report.Status{
		Keys: []report.Key{{Name: "A", SourceError: long}},
		Alerts: []alerts.Data{{
			Cause: key.SourceUnreachable, Severity: key.Critical, Summary: long,
			Evidence: map[string]string{"detail": long}, Actions: []string{long},
		}},
	}
	var out bytes.Buffer
	a := &app{out: ui.Printer{Out: &out, Width: 80}}
	if err := a.statusText(s, time.Now()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if got := strings.Count(out.String(), "END"); got != 4 {
		t.Errorf("%d of 4 texts are whole in\n%s", got, out.String())
	}
}
