package drill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Exit codes for an answer that is no, and for a question that cannot be answered.
const (
	exitNo      = 5
	exitUnknown = 4
)

// uses: the last call of an app was made with the value, and the issuer took it.
func uses(promise, app, value, yes string) judge {
	return func(v view) []claim {
		u := v.used[app]
		no := "the app " + app + " uses another key"
		switch {
		case u.value == "":
			no = "the app " + app + " has used no key"
		case u.value == value && u.refused:
			no = "the app " + app + " is refused with the key that it should have"
		}
		return []claim{says(promise, u.value == value && !u.refused, yes, no)}
	}
}

// refusedApp: an app goes on with a key that its issuer refuses.
func refusedApp(app, value string) judge {
	return func(v view) []claim {
		u := v.used[app]
		return []claim{says("P8", u.value == value && u.refused,
			"the app "+app+" is refused with 401, and nobody ended it",
			"the app "+app+" is not seen with the key that was revoked")}
	}
}

// restartedWith: the app under livekey exec is another process than before, with the value.
func restartedWith(before int, value string) judge {
	return func(v view) []claim {
		u := v.used[appExec]
		return []claim{says("P1", u.pid != before && u.value == value,
			"`livekey exec` proved the new key itself, and then started its app anew with it",
			"`livekey exec` has not started its app anew with the new key")}
	}
}

// held: who-has names a process, with the version that it was started with.
func held(pid int, stage report.Held) judge {
	return func(v view) []claim {
		i := slices.IndexFunc(v.who.Holders, func(h report.Holder) bool { return h.PID == pid })
		if i < 0 {
			return []claim{{"P5", false, fmt.Sprintf("`livekey who-has` does not name process %d", pid)}}
		}
		h := v.who.Holders[i]
		ok := h.Stage == stage && h.Variable == mainKey && (h.Fix != "") == (stage != report.HeldCurrent)
		return []claim{says("P5", ok,
			fmt.Sprintf("`livekey who-has` names process %d, %s, with the %s version", pid, h.Command, stage),
			fmt.Sprintf("`livekey who-has` names process %d with the %s version in %s, and %q as the fix", pid, h.Stage, h.Variable, h.Fix))}
	}
}

// nobodyHolds: who-has names nobody with a version of this stage.
func nobodyHolds(stage report.Held) judge {
	return func(v view) []claim {
		n := 0
		for _, h := range v.who.Holders {
			if h.Stage == stage {
				n++
			}
		}
		return []claim{says("P5", n == 0 && len(v.who.Holders) > 0,
			fmt.Sprintf("`livekey who-has` names nobody with the %s version", stage),
			fmt.Sprintf("`livekey who-has` names %d with the %s version, of %d", n, stage, len(v.who.Holders)))}
	}
}

// notYet: safe-to-revoke says no, and names the process that holds the old version.
func notYet(pid int) judge {
	return func(v view) []claim {
		ok := v.safe.Exit == exitNo && !v.safe.Safe && slices.ContainsFunc(v.safe.Holders, func(h report.Holder) bool { return h.PID == pid })
		return []claim{says("P5", ok,
			fmt.Sprintf("`livekey safe-to-revoke` exits %d: process %d holds the old version", exitNo, pid),
			fmt.Sprintf("`livekey safe-to-revoke` exits %d and names %d holders", v.safe.Exit, len(v.safe.Holders)))}
	}
}

// safeNow: safe-to-revoke says yes, for consumers that somebody declared. Where the drill
// could not be played apart, others run whose environment is not its to see: then it must
// say that this is all which keeps it from saying yes.
func safeNow(v view) []claim {
	s := v.safe
	scope := len(s.Scope) > 0 && !slices.ContainsFunc(s.Scope, func(c report.InScope) bool { return !c.OK })
	only := s.Exit == exitUnknown && len(s.Unseen) > 0
	for _, c := range s.Checks {
		only = only && c.OK != (c.What == "sight")
	}
	if scope && only {
		return []claim{{"P5", true, fmt.Sprintf("`livekey safe-to-revoke` exits %d: all %d declared consumers have adopted the new version, and it says that others run here which it may not look at", exitUnknown, len(s.Scope))}}
	}
	return []claim{says("P5", s.Exit == 0 && s.Safe && scope,
		fmt.Sprintf("`livekey safe-to-revoke` exits 0: all %d declared consumers have adopted the new version", len(s.Scope)),
		fmt.Sprintf("`livekey safe-to-revoke` exits %d: %s", s.Exit, doubts(s)))}
}

// doubts are the checks that do not hold.
func doubts(s report.Safety) string {
	var names []string
	for _, c := range s.Checks {
		if !c.OK {
			names = append(names, c.What)
		}
	}
	return strings.Join(names, ", ")
}

// answered: livekey report says what it should.
func answered(a report.Answer, want report.Found, means string) claim {
	return says("P4", a.Verdict == want && a.Action != "",
		fmt.Sprintf("`livekey report` answers %s: %s", want, means),
		fmt.Sprintf("`livekey report` answers %q, not %q", a.Verdict, want))
}

// named: an alert is open that names a process.
func named(cause key.Cause, name, command string) judge {
	return func(v view) []claim {
		a, told := last(v.alerts, cause, name)
		text := strings.Join(append(slices.Clone(a.Data.Affected), a.Data.Summary), " ")
		return []claim{says("P5", told && a.Type != alerts.Resolved && strings.Contains(text, command),
			fmt.Sprintf("alert %s names %s", cause, command),
			fmt.Sprintf("no open alert %s that names %s", cause, command))}
	}
}

// adopted: status shows that every consumer which is known has the delivered version, but
// for the process that holds another.
func adopted(name string) judge {
	return func(v view) []claim {
		n := 0
		for _, a := range find(v.status, name).Adoption {
			if a.Stage == key.StageCurrent {
				n++
			}
		}
		return []claim{says("P5", n > 0,
			fmt.Sprintf("`livekey status` shows who adopted the new version: %d", n),
			"`livekey status` shows nobody who adopted the new version")}
	}
}

// quiet: nobody was alarmed for a cause.
func quiet(cause key.Cause, name string) judge {
	return func(v view) []claim {
		_, told := last(v.alerts, cause, name)
		return []claim{says("P5", !told, "and nobody is alarmed: no app had it any more", "alert "+string(cause)+" was sent, and no app had it")}
	}
}
