package drill

import (
	"maps"
	"slices"
	"testing"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// pid is the process of the tests that holds a key.
const pid = 4711

// moving is a world between two versions: one app has the new one, process pid the old.
func moving() view {
	v := good()
	v.used = map[string]use{appExec: {pid: 12, value: newV}, appByHand: {pid: pid, value: oldV}}
	v.who.Holders = []report.Holder{
		{Key: mainKey, Variable: mainKey, Stage: report.HeldCurrent, PID: 12, Command: appExec},
		{Key: mainKey, Variable: mainKey, Stage: report.HeldPrevious, PID: pid, Command: appByHand, Fix: "restart by-hand"},
	}
	v.safe = report.Safety{
		Exit: exitNo, Holders: []report.Holder{{PID: pid, Command: appByHand}},
		Scope:  []report.InScope{{Consumer: "process:ada/" + appByHand}},
		Checks: []report.Fact{{What: "sight", OK: true}, {What: "holders"}},
	}
	v.status.Keys[0].Adoption = []report.Adoption{{Consumer: "process:ada/" + appExec, Stage: key.StageCurrent}}
	a := alert(alerts.Opened, "a1", key.RevokedEarly)
	a.Data.Affected = []string{"process:ada/" + appByHand}
	v.alerts = []alerts.Alert{a}
	return v
}

// moved is the same after everybody has moved.
func moved() view {
	v := moving()
	v.used[appByHand] = use{pid: pid, value: newV}
	v.who.Holders[1].Stage, v.who.Holders[1].Fix = report.HeldCurrent, ""
	v.safe.Exit, v.safe.Safe, v.safe.Scope[0].OK, v.safe.Checks[1].OK = 0, true, true, true
	return v
}

// shortSighted is the same where others run, whom nobody may look at.
func shortSighted() view {
	v := moved()
	v.safe.Exit, v.safe.Safe, v.safe.Checks[0].OK, v.safe.Unseen = exitUnknown, false, false, []string{"1 process of user root"}
	return v
}

func TestJudgesOfThoseWhoUseTheKey(t *testing.T) {
	t.Parallel()
	turnedAway := moving()
	turnedAway.used[appByHand] = use{pid: pid, value: oldV, refused: true}
	type wrong struct {
		rule  string
		spoil func(*view)
	}
	for _, tc := range []struct {
		name    string
		promise string
		judge   judge
		good    view
		wrong   []wrong
	}{
		{"uses", "P9", uses("P9", appByHand, newV, "uses it"), moved(), []wrong{
			{"another key", func(v *view) { v.used[appByHand] = use{pid: pid, value: oldV} }},
			{"no key at all", func(v *view) { delete(v.used, appByHand) }},
			{"refused with it", func(v *view) { v.used[appByHand] = use{pid: pid, value: newV, refused: true} }},
		}},
		{"refused", "P8", refusedApp(appByHand, oldV), turnedAway, []wrong{
			{"not refused", func(v *view) { v.used[appByHand] = use{pid: pid, value: oldV} }},
			{"started anew by somebody", func(v *view) { v.used[appByHand] = use{pid: pid + 1, value: newV, refused: true} }},
		}},
		{"started anew", "P1", restartedWith(11, newV), moving(), []wrong{
			{"the same process", func(v *view) { v.used[appExec] = use{pid: 11, value: newV} }},
			{"with the old key", func(v *view) { v.used[appExec] = use{pid: 12, value: oldV} }},
		}},
		{"held", "P5", held(pid, report.HeldPrevious), moving(), []wrong{
			{"not named", func(v *view) { v.who.Holders = v.who.Holders[:1] }},
			{"with another version", func(v *view) { v.who.Holders[1].Stage = report.HeldCurrent }},
			{"in another variable", func(v *view) { v.who.Holders[1].Variable = otherKey }},
			{"without a word of what ends it", func(v *view) { v.who.Holders[1].Fix = "" }},
		}},
		{"held, the current one", "P5", held(pid, report.HeldCurrent), moved(), []wrong{
			{"with a fix that nobody needs", func(v *view) { v.who.Holders[1].Fix = "restart by-hand" }},
		}},
		{"nobody holds", "P5", nobodyHolds(report.HeldPrevious), moved(), []wrong{
			{"somebody does", func(v *view) { v.who.Holders[1].Stage = report.HeldPrevious }},
			{"nobody was seen at all", func(v *view) { v.who.Holders = nil }},
		}},
		{"not yet", "P5", notYet(pid), moving(), []wrong{
			{"it says yes", func(v *view) { v.safe.Exit, v.safe.Safe = 0, true }},
			{"it cannot tell", func(v *view) { v.safe.Exit = exitUnknown }},
			{"for the sake of somebody else", func(v *view) { v.safe.Holders = []report.Holder{{PID: 12}} }},
		}},
		{"safe", "P5", safeNow, moved(), []wrong{
			{"it says no", func(v *view) { v.safe.Exit, v.safe.Safe = exitNo, false }},
			{"nobody declared anybody", func(v *view) { v.safe.Scope = nil }},
			{"a consumer has not moved", func(v *view) { v.safe.Scope[0].OK = false }},
		}},
		{"safe, as far as it may look", "P5", safeNow, shortSighted(), []wrong{
			{"it says yes all the same", func(v *view) { v.safe.Exit = 0 }},
			{"it does not say where it could not look", func(v *view) { v.safe.Unseen = nil }},
			{"there is another doubt", func(v *view) { v.safe.Checks[1].OK = false }},
		}},
		{"adopted", "P5", adopted(mainKey), moving(), []wrong{
			{"nobody has", func(v *view) { v.status.Keys[0].Adoption = nil }},
			{"an old version", func(v *view) { v.status.Keys[0].Adoption[0].Stage = key.StagePrevious }},
		}},
		{"named", "P5", named(key.RevokedEarly, mainKey, appByHand), moving(), []wrong{
			{"nobody was told", func(v *view) { v.alerts = nil }},
			{"told of nobody", func(v *view) { v.alerts[0].Data.Affected = nil }},
			{"told of somebody else", func(v *view) { v.alerts[0].Data.Affected = []string{"process:ada/" + appExec} }},
			{"resolved", func(v *view) { v.alerts[0].Type = alerts.Resolved }},
		}},
		{"quiet", "P5", quiet(key.RevokedEarly, mainKey), good(), []wrong{
			{"somebody was alarmed", func(v *view) { v.alerts = moving().alerts }},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if claims := tc.judge(tc.good); !allKept(claims) {
				t.Fatalf("a good world is judged as %+v", claims)
			}
			for _, w := range tc.wrong {
				v := clone(tc.good)
				v.used, v.who.Holders = maps.Clone(v.used), slices.Clone(v.who.Holders)
				v.status.Keys[0].Adoption = slices.Clone(v.status.Keys[0].Adoption)
				v.safe.Scope, v.safe.Checks = slices.Clone(v.safe.Scope), slices.Clone(v.safe.Checks)
				w.spoil(&v)
				if !breaks(tc.judge(v), tc.promise) {
					t.Errorf("%s: %s is not broken: %+v", w.rule, tc.promise, tc.judge(v))
				}
			}
		})
	}
}

func TestTheAnswerToAReportIsJudged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule   string
		answer report.Answer
		kept   bool
	}{
		{"the right one, with what to do", report.Answer{Verdict: report.New, Action: "restart"}, true},
		{"another one", report.Answer{Verdict: report.Fine, Action: "restart"}, false},
		{"nothing to do about it", report.Answer{Verdict: report.New}, false},
		{"none", report.Answer{}, false},
	} {
		if got := answered(tc.answer, report.New, "there is another").kept; got != tc.kept {
			t.Errorf("%s: kept is %t", tc.rule, got)
		}
	}
}
