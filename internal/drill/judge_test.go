package drill

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Names of versions, for the tests: a fingerprint is as good as a value.
const (
	oldV = "0000aaaa0000"
	newV = "1111bbbb1111"
	team = "2222cccc2222"
)

var (
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	wanted = map[string]string{mainKey: newV, otherKey: team}
)

// good is a world in which all is well: newV is current, oldV was.
func good() view {
	k := func(name, current string) report.Key {
		return report.Key{
			Name:    key.Name(name),
			Current: &report.Current{Fingerprint: current, Outcome: key.Live, CheckedAt: now},
			Older:   []report.Older{{Fingerprint: oldV, Outcome: key.Dead}},
			Sinks:   []report.Sink{{Name: "app", Fingerprint: current}, {Name: "files", Fingerprint: current}},
		}
	}
	return view{
		env: maps.Clone(wanted), files: maps.Clone(wanted),
		status: report.Status{Ready: true, Keys: []report.Key{k(mainKey, newV), k(otherKey, team)}},
	}
}

// alarmed is a world in which the current key is dead and its alert is open.
func alarmed() view {
	v := good()
	v.exit = 3
	v.status.Ready = false
	v.status.Keys[0].Current.Outcome = key.Dead
	a := alert(alerts.Opened, "a1", key.KeyDead)
	v.alerts = []alerts.Alert{a}
	v.status.Alerts = []alerts.Data{a.Data}
	return v
}

// holding is a world in which a candidate was refused.
func holding() view {
	v := good()
	v.status.Keys[0].Candidate = &report.Candidate{HeldBy: "malformed"}
	a := alert(alerts.Opened, "a1", key.CandidateRejected)
	a.Data.Summary = "Trailing newline at byte 108"
	v.alerts = []alerts.Alert{a}
	return v
}

func alert(t alerts.Type, id string, cause key.Cause) alerts.Alert {
	return alerts.Alert{Type: t, Data: alerts.Data{ID: id, Cause: cause, Key: mainKey}}
}

func TestJudges(t *testing.T) {
	t.Parallel()
	newline := refusal{promise: "P1", name: mainKey, heldBy: "malformed", cause: key.CandidateRejected, mention: "newline"}
	over := good()
	over.alerts = []alerts.Alert{alert(alerts.Opened, "a1", key.KeyDead), alert(alerts.Resolved, "a1", key.KeyDead)}

	empty := func(v *view) { v.env = nil }
	other := func(v *view) { v.files[mainKey] = oldV }
	deadNow := func(v *view) { v.status.Keys[0].Current.Outcome = key.Dead }
	alarm := func(v *view) { v.alerts = append(v.alerts, alert(alerts.Opened, "a9", key.KeyDead)) }

	type wrong struct {
		rule    string
		spoil   func(*view)
		promise string // that must be named as broken
	}
	for _, tc := range []struct {
		name  string
		judge judge
		good  view
		wrong []wrong
	}{
		{"first delivery", delivered(wanted), good(), []wrong{
			{"an env file that is not there", empty, "P1"},
			{"a directory with another value", other, "P1"},
			{"a variable too many", func(v *view) { v.env["MORE"] = "x" }, "P1"},
			{"a key that nobody proved", func(v *view) { v.status.Keys[0].Current.Unproved = key.Transient }, "P1"},
			{"a key without a time of its live call", func(v *view) { v.status.Keys[1].Current.CheckedAt = time.Time{} }, "P1"},
			{"a key that status does not know", func(v *view) { v.status.Keys = v.status.Keys[:1] }, "P1"},
			{"not ready", func(v *view) { v.status.Ready = false }, "P8"},
			{"status exits 4", func(v *view) { v.exit = 4 }, "P8"},
		}},
		{"refused", refused(newline, wanted), holding(), []wrong{
			{"the candidate in the env file", func(v *view) { v.env[mainKey] = "candidate" }, "P1"},
			{"no candidate in status", func(v *view) { v.status.Keys[0].Candidate = nil }, "P1"},
			{"held for another reason", func(v *view) { v.status.Keys[0].Candidate.HeldBy = "rejected" }, "P1"},
			{"nobody was told", func(v *view) { v.alerts = nil }, "P1"},
			{"told about another key", func(v *view) { v.alerts[0].Data.Key = otherKey }, "P1"},
			{"told without the fault's name", func(v *view) { v.alerts[0].Data.Summary = "malformed" }, "P1"},
			{"resolved while it is held", func(v *view) { v.alerts[0].Type = alerts.Resolved }, "P1"},
		}},
		{"rotated", rotated(mainKey, oldV, wanted), good(), []wrong{
			{"the old key in the directory", other, "P1"},
			{"the old fingerprint in status", func(v *view) { v.status.Keys[0].Current.Fingerprint = oldV }, "P1"},
			{"a sink that still has the old one", func(v *view) { v.status.Keys[0].Sinks[1].Fingerprint = oldV }, "P1"},
			{"a sink that status does not show", func(v *view) { v.status.Keys[0].Sinks = v.status.Keys[0].Sinks[:1] }, "P1"},
			{"an alert about a refused candidate", func(v *view) {
				v.status.Alerts = []alerts.Data{alert(alerts.Opened, "a1", key.CandidateRejected).Data}
			}, "P4"},
		}},
		{"unmoved", unmoved(mainKey, newV, "529", 0, wanted), good(), []wrong{
			{"an empty sink", empty, "P3"},
			{"another value", other, "P3"},
			{"called dead", deadNow, "P3"},
			{"an alert key_dead", alarm, "P3"},
			{"another version is current", func(v *view) { v.status.Keys[0].Current.Fingerprint = oldV }, "P3"},
		}},
		{"retired", retired(mainKey, oldV, wanted), good(), []wrong{
			{"the old version is not watched", func(v *view) { v.status.Keys[0].Older = nil }, "P5"},
			{"the old version is called live", func(v *view) { v.status.Keys[0].Older[0].Outcome = key.Live }, "P5"},
			{"the current key moved", other, "P5"},
			{"the current key is called dead", deadNow, "P3"},
		}},
		{"dead", dead(mainKey, wanted), alarmed(), []wrong{
			{"no alert was sent", func(v *view) { v.alerts = nil }, "P4"},
			{"two alerts for one cause", alarm, "P4"},
			{"not open in status", func(v *view) { v.status.Alerts = nil }, "P4"},
			{"status exits 0", func(v *view) { v.exit = 0 }, "P4"},
			{"still called live", func(v *view) { v.status.Keys[0].Current.Outcome = key.Live }, "P4"},
			{"the dead key was taken away", empty, "P3"},
		}},
		{"isolated", isolated(mainKey, wanted), good(), []wrong{
			{"the other key does not move", func(v *view) { v.env[otherKey] = oldV }, "P8"},
		}},
		{"still open", stillOpen(key.KeyDead, mainKey, "a1", wanted), alarmed(), []wrong{
			{"the alert is lost", func(v *view) { v.status.Alerts = nil }, "P9"},
			{"the alert has another id", func(v *view) { v.status.Alerts[0].ID = "a2" }, "P9"},
			{"only the journal is shown, no daemon", func(v *view) { v.exit = 4 }, "P9"},
			{"a sink changed", other, "P9"},
		}},
		{"resolved", resolved(key.KeyDead, mainKey, "a1"), over, []wrong{
			{"never resolved", func(v *view) { v.alerts = v.alerts[:1] }, "P4"},
			{"resolved under another id", func(v *view) { v.alerts[1].Data.ID = "a2" }, "P4"},
			{"still open in status", func(v *view) { v.status.Alerts = []alerts.Data{v.alerts[0].Data} }, "P4"},
		}},
		{"converged", converged(mainKey, wanted), good(), []wrong{
			{"the old key in one sink", other, "P9"},
			{"not yet asked", func(v *view) { v.status.Keys[0].Current.Outcome = key.Unknown }, "P9"},
			{"only the journal is shown, no daemon", func(v *view) { v.exit = 4 }, "P9"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if claims := tc.judge(tc.good); !allKept(claims) {
				t.Fatalf("a good world is judged as %+v", claims)
			}
			for _, w := range tc.wrong {
				v := clone(tc.good)
				w.spoil(&v)
				if !breaks(tc.judge(v), w.promise) {
					t.Errorf("%s: %s is not broken: %+v", w.rule, w.promise, tc.judge(v))
				}
			}
		})
	}
}

func TestSteady(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule string
		sent []alerts.Alert
		kept bool
	}{
		{"one sent twice keeps its id", []alerts.Alert{alert(alerts.Opened, "a", key.KeyDead), alert(alerts.Opened, "a", key.KeyDead)}, true},
		{"after its end a cause gets a new id", []alerts.Alert{
			alert(alerts.Opened, "a", key.KeyDead), alert(alerts.Resolved, "a", key.KeyDead), alert(alerts.Opened, "b", key.KeyDead),
		}, true},
		{"two causes have two ids", []alerts.Alert{alert(alerts.Opened, "a", key.KeyDead), alert(alerts.Opened, "b", key.CandidateWorse)}, true},
		{"an open cause changes its id", []alerts.Alert{alert(alerts.Opened, "a", key.KeyDead), alert(alerts.Updated, "b", key.KeyDead)}, false},
		{"resolved under another id", []alerts.Alert{alert(alerts.Opened, "a", key.KeyDead), alert(alerts.Resolved, "b", key.KeyDead)}, false},
		{"silence proves nothing", nil, false},
	} {
		if got := allKept(steady(tc.sent)); got != tc.kept {
			t.Errorf("%s: kept is %t", tc.rule, got)
		}
	}
}

func TestNothingSeenIsNothingProved(t *testing.T) {
	t.Parallel()
	if allKept(nil) {
		t.Error("no claim counts as kept")
	}
}

// breaks says whether a claim about the promise is not kept.
func breaks(claims []claim, promise string) bool {
	return slices.ContainsFunc(claims, func(c claim) bool { return c.promise == promise && !c.kept })
}

// clone copies what the tests spoil.
func clone(v view) view {
	v.env, v.files = maps.Clone(v.env), maps.Clone(v.files)
	v.alerts = slices.Clone(v.alerts)
	v.status.Alerts = slices.Clone(v.status.Alerts)
	v.status.Keys = slices.Clone(v.status.Keys)
	for i := range v.status.Keys {
		k := &v.status.Keys[i]
		current := *k.Current
		k.Current = &current
		if k.Candidate != nil {
			candidate := *k.Candidate
			k.Candidate = &candidate
		}
		k.Older, k.Sinks = slices.Clone(k.Older), slices.Clone(k.Sinks)
	}
	return v
}
