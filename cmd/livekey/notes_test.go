package main

import (
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

func TestANoteMovesOnlyWithTheVerdict(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 1, 2, 3, 4, time.UTC)
	n := noted{keys: map[string]key.Name{"A": "KEY", "B": "OTHER"}}
	status := func(outcome key.Outcome, reason key.Reason, checked time.Time, sinks ...report.Sink) report.Status {
		return report.Status{Keys: []report.Key{
			{Name: "KEY", Sinks: sinks, Current: &report.Current{Outcome: outcome, Reason: reason, CheckedAt: checked}},
			{Name: "OTHER", Sinks: sinks},
		}}
	}
	first := noteOf(n, status(key.Live, key.Valid, at)).text("", at)
	const want = `{"gates":false,"note":"` + looksOnly + `","keys":{"A":{"key":"KEY","outcome":"live","reason":"valid","checked_at":"2026-11-24T01:02:03Z"},` +
		`"B":{"key":"OTHER","outcome":"unknown","reason":"not_yet_asked","checked_at":"2026-11-24T01:02:03Z"}}}`
	if first != want {
		t.Errorf("%s\nwant\n%s", first, want)
	}
	later := at.Add(time.Hour)
	if again := noteOf(n, status(key.Live, key.Valid, later)).text(first, later); again != first {
		t.Errorf("the same verdict, later: %s", again)
	}
	if noteOf(n, status(key.Live, key.Valid, later)).said() != noteOf(n, status(key.Live, key.Valid, at)).said() {
		t.Error("a later check of the same outcome is something else to say")
	}
	dead := noteOf(n, status(key.Dead, key.Revoked, later)).text(first, later)
	if !strings.Contains(dead, `"outcome":"dead","reason":"revoked","checked_at":"2026-11-24T02:02:03Z"`) {
		t.Errorf("another verdict: %s", dead)
	}
	held := status(key.Live, key.Valid, at)
	held.Keys[0].Candidate = &report.Candidate{Outcome: key.Dead, Reason: key.Invalid}
	if text := noteOf(n, held).text("nonsense", at); !strings.Contains(text, `"A":{"key":"KEY","outcome":"dead","reason":"invalid"`) {
		t.Errorf("of what the record has now: %s", text)
	}
	if gating := noteOf(n, status(key.Live, key.Valid, at, report.Sink{Name: "proved"})); !gating.Gates || gating.Note != "" {
		t.Errorf("with a sink: %+v", gating)
	}
}
