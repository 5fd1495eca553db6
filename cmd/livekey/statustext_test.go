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
			Evidence: map[string]string{"detail": "why: " + long}, Actions: []string{long},
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

func TestAStatusSaysWhatAPersonAsks(t *testing.T) {
	dead := &report.Current{Outcome: key.Dead, Reason: key.Invalid}
	suspect := &report.Current{Outcome: key.Dead, Reason: key.Invalid, Suspect: true}
	live := &report.Current{Outcome: key.Live, Reason: key.Valid}
	missing := alerts.Data{Cause: key.SourceMissing, Severity: key.Warning, Summary: "A: nothing (read /a: not found)"}
	old := []report.Older{
		{Fingerprint: "a1", Outcome: key.Dead},
		{Fingerprint: "a2", Unwatched: true},
		{Fingerprint: "a3", Outcome: key.Dead},
		{Fingerprint: "a4", Outcome: key.Live},
		{Fingerprint: "a5", Unwatched: true},
	}
	missing.Evidence = map[string]string{"detail": "read /a: not found"}
	for _, c := range []struct {
		rule string
		s    report.Status
		has  string
		not  string
	}{
		{"a live key is ready", report.Status{Ready: true, Keys: []report.Key{{Name: "A", Current: live}}}, "\nready\n", "see above"},
		{"a dead key is delivered, and not simply ready", report.Status{Ready: true, Keys: []report.Key{{Name: "A", Current: dead}}}, "but see above\n", "\nready\n"},
		{"nothing delivered is not ready", report.Status{Keys: []report.Key{{Name: "A"}}}, "\nnot ready: ", "\nready"},
		{"a suspect key says what comes next", report.Status{Keys: []report.Key{{Name: "A", Current: suspect}}}, "refused it, dead/invalid; it is asked again", "dead/invalid suspect"},
		{"who has adopted a version is counted", report.Status{Keys: []report.Key{{Name: "A", Current: live, Adoption: []report.Adoption{
			{Consumer: "unit:a", Stage: key.StageCurrent}, {Consumer: "unit:b", Stage: key.StagePrevious, Fingerprint: "0123456789ab"},
		}}}}, "A: adopted by 1 of 2 consumers: unit:b has 0123456789ab\n", "unit:a has"},
		{"what consumers failed on says how it goes on", report.Status{Keys: []report.Key{{Name: "A", Current: live, Candidate: &report.Candidate{
			Fingerprint: "0123456789ab", Outcome: key.Live, Reason: key.Valid, HeldBy: "failed",
		}}}}, "held: its consumers did not come back with it (-)\n  -> mend them, then livekey approve A\n", "held: failed"},
		{"old versions of one fate stand in one line", report.Status{Keys: []report.Key{{Name: "A", Current: live, Older: old}}}, "A: older a4 is live (-)\nA: older a1, a3 are dead\nA: older a2, a5: nobody has their values any more", "is dead"},
		{"a log that cannot be read is named", report.Status{Keys: []report.Key{{Name: "A", Current: live, UnreadLogs: []string{"file /x: no such file"}}}}, "A: refusals are not seen in file /x: no such file\n", "adopted"},
		{"who owns a key and until when is told", report.Status{Keys: []report.Key{{Name: "A", Current: &report.Current{
			Outcome: key.Live, Identity: key.Identity{"scopes": "read,write", "organization": "o"}, ExpiresAt: time.Now().Add(75 * time.Hour),
			Limits: &key.Limits{Limit: 50, Remaining: 48, ResetAt: time.Unix(1_800_000_000, 0)},
		}}}}, "A: organization=o scopes=read,write; expires in 3d, at 20", "was to"},
		{"so is how often it may be used", report.Status{Keys: []report.Key{{Name: "A", Current: &report.Current{
			ExpiresAt: time.Unix(1_700_000_000, 0), Limits: &key.Limits{Limit: 50, Remaining: 48, ResetAt: time.Unix(1_800_000_000, 0)},
		}}}}, "A: was to expire at 2023-11-14 22:13 UTC; 48 of 50 calls were left, all are back at 2027-01-15 08:00 UTC\n", "expires in"},
		{"a list that says otherwise is told", report.Status{Keys: []report.Key{{Name: "A", Current: &report.Current{
			Outcome: key.Live, Identity: (&key.Listing{Name: "CI", Status: "archived"}).Add(nil),
		}}}}, "A: listed_as=archived name=CI\nA: its issuer lists it as archived, and still accepts it", "dead"},
		{"not of a dead key", report.Status{Keys: []report.Key{{Name: "A", Current: &report.Current{
			Outcome: key.Dead, Identity: (&key.Listing{Status: "archived"}).Add(nil),
		}}}}, "A: listed_as=archived\n", "still accepts"},
		{"the end of a candidate is told", report.Status{Keys: []report.Key{{Name: "A", Current: live, Candidate: &report.Candidate{
			Outcome: key.Live, Reason: key.Blocked, HeldBy: "worse", ExpiresAt: time.Now().Add(75 * time.Hour),
		}}}}, "held: worse (-); expires in 3d", "A: ;"},
		{"what a summary says is not said again", report.Status{Alerts: []alerts.Data{missing}}, "A: nothing (read /a: not found)\n", "\n  read /a"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{out: ui.Printer{Out: &out}}
			if err := a.statusText(c.s, time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := a.readiness(c.s); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); !strings.Contains(got, c.has) || strings.Contains(got, c.not) {
				t.Errorf("want %q and not %q in\n%s", c.has, c.not, got)
			}
		})
	}
}

func TestAListOfAlertsTellsEachDetailOnOneLine(t *testing.T) {
	failed := alerts.Data{Cause: key.SinkFailed, Severity: key.Critical, Summary: "sink app cannot be written"}
	failed.Evidence = map[string]string{"detail": "write /a: no space\nread /a: no such file\n"}
	a := &app{out: ui.Printer{}}
	const detail = "  write /a: no space; read /a: no such file\n"
	if got := a.alertsText([]alerts.Data{failed}, time.Now(), true); !strings.Contains(got, detail) {
		t.Errorf("alone, the detail is not in\n%s", got)
	}
	if got := a.alertsText([]alerts.Data{failed}, time.Now(), false); strings.Contains(got, detail) {
		t.Errorf("beside the line of its key, the detail is said twice in\n%s", got)
	}
}
