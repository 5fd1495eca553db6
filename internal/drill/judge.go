package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// exitDead is the exit code for a required key that is dead. Without a daemon
// status shows the journal and exits with another one.
const exitDead = 3

// A view is everything that a user could see at one moment.
type view struct {
	env, files map[string]string // variable: value, as read from the two sinks; nil: not there
	status     report.Status
	exit       int            // of `livekey status`
	alerts     []alerts.Alert // all that the webhook's receiver was sent, in order
	used       map[string]use // what each app did last
	who        report.WhoHas  // these two only of those who looked around
	safe       report.Safety
}

// A claim is one thing that was seen, and whether it is what a promise says.
type claim struct {
	promise string
	kept    bool
	said    string
}

// says makes a claim: yes is what was seen if ok holds, no if it does not.
func says(promise string, ok bool, yes, no string) claim {
	if ok {
		return claim{promise, true, yes}
	}
	return claim{promise, false, no}
}

// allKept also says no to an empty list: nothing seen is nothing proved.
func allKept(claims []claim) bool {
	return len(claims) > 0 && !slices.ContainsFunc(claims, func(c claim) bool { return !c.kept })
}

// A judge looks at one moment. It is pure: what came before is bound into it.
type judge func(view) []claim

// delivered: both sinks hold exactly want, and the daemon says so itself.
func delivered(want map[string]string) judge {
	return func(v view) []claim {
		claims := []claim{holds("P1", v, want, "both sinks hold exactly the keys that the issuer called live")}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			k := find(v.status, name)
			ok := k.Current != nil && k.Current.Outcome == key.Live && k.Current.Unproved == "" && !k.Current.CheckedAt.IsZero()
			claims = append(claims, says("P1", ok,
				name+" is shown as live, with the time of its live call",
				name+" is delivered and not shown as live"))
		}
		return append(claims, says("P8", v.status.Ready && v.exit == 0,
			"ready; `livekey status` exits 0",
			fmt.Sprintf("ready is %t, and `livekey status` exits %d", v.status.Ready, v.exit)))
	}
}

// refusal is what must be said of a candidate that may not pass.
type refusal struct {
	promise string
	name    string
	heldBy  string
	cause   key.Cause
	mention string // a word of the reason that the alert must carry
	since   int    // alerts before this one are of the past
}

// refused: the candidate is held for the right reason, somebody was told, and both sinks are as before.
func refused(r refusal, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, r.name)
		held := ""
		if k.Candidate != nil {
			held = k.Candidate.HeldBy
		}
		a, told := last(v.alerts[min(r.since, len(v.alerts)):], r.cause, r.name)
		return []claim{
			holds(r.promise, v, want, "both sinks still hold the last good key"),
			says(r.promise, held == r.heldBy,
				"the candidate is held: "+r.heldBy,
				fmt.Sprintf("the candidate is held by %q, not by %q", held, r.heldBy)),
			says(r.promise, told && a.Type != alerts.Resolved && mentions(a, r.mention),
				fmt.Sprintf("alert %s says %q", r.cause, r.mention),
				fmt.Sprintf("no open alert %s that says %q", r.cause, r.mention)),
		}
	}
}

// rotated: the new value is in both sinks, under a fingerprint of its own, and
// nobody is told any longer that its candidate was refused.
func rotated(name, oldFingerprint string, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, name)
		ok := k.Current != nil && k.Current.Outcome == key.Live && k.Current.Fingerprint != oldFingerprint
		for _, s := range k.Sinks {
			ok = ok && s.Fingerprint == k.Current.Fingerprint
		}
		open := slices.ContainsFunc(v.status.Alerts, func(d alerts.Data) bool {
			return string(d.Key) == name && slices.Contains([]key.Cause{key.CandidateRejected, key.CandidateMisplaced, key.KeyDead}, d.Cause)
		})
		return []claim{
			holds("P1", v, want, "both sinks hold the new key"),
			says("P1", ok && len(k.Sinks) == 2,
				"status shows the new fingerprint as live in both sinks",
				"status does not show the new fingerprint as live in both sinks"),
			says("P4", !open, "the alerts about its predecessors are resolved", "an alert about its predecessor is still open"),
		}
	}
}

// unmoved: whatever the issuer's road answers, what is delivered and its verdict stay.
func unmoved(name, fingerprint, trouble string, since int, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, name)
		same := k.Current != nil && k.Current.Fingerprint == fingerprint && k.Current.Outcome != key.Dead
		_, dead := last(v.alerts[min(since, len(v.alerts)):], key.KeyDead, name)
		return []claim{
			holds("P3", v, want, trouble+": both sinks are unchanged"),
			says("P3", same && !dead,
				trouble+": the key is not called dead",
				trouble+": the key is called dead, or another one is current"),
		}
	}
}

// retired: the version that was replaced is seen to be dead, and nothing else moved.
func retired(name, oldFingerprint string, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, name)
		seen := slices.ContainsFunc(k.Older, func(o report.Older) bool {
			return o.Fingerprint == oldFingerprint && o.Outcome == key.Dead
		})
		return []claim{
			says("P5", seen, "status shows the old version as dead", "status does not show the old version as dead"),
			holds("P5", v, want, "the current key is unchanged in both sinks"),
			says("P3", k.Current != nil && k.Current.Outcome == key.Live,
				"the current key is still live", "the current key is no longer shown as live"),
		}
	}
}

// dead: confirmed dead without a replacement. One alert, open; the value stays where it is.
func dead(name string, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, name)
		open := opened(v.status, key.KeyDead, name)
		ids := idsOf(v.alerts, key.KeyDead, name)
		return []claim{
			says("P4", len(open) == 1 && len(ids) == 1 && open[0].ID == ids[0],
				"one alert key_dead, open until it is resolved",
				fmt.Sprintf("%d alerts key_dead are open, %d were sent", len(open), len(ids))),
			says("P4", k.Current != nil && k.Current.Outcome == key.Dead && v.exit == exitDead,
				fmt.Sprintf("status says dead and exits %d", exitDead),
				fmt.Sprintf("status does not say dead, or exits %d and not %d", v.exit, exitDead)),
			holds("P3", v, want, "no verdict takes a key away: both sinks are unchanged"),
		}
	}
}

// stillOpen: the alert outlived the daemon, under the same id.
func stillOpen(cause key.Cause, name, id string, want map[string]string) judge {
	return func(v view) []claim {
		open := opened(v.status, cause, name)
		return []claim{
			says("P9", len(open) == 1 && open[0].ID == id && v.exit == exitDead,
				"killed and started again: the alert is open under the same id",
				"killed and started again: the alert is lost, or has another id"),
			holds("P9", v, want, "killed and started again: both sinks are unchanged"),
		}
	}
}

// resolved: the alert that was open is over, and its receiver was told so.
func resolved(cause key.Cause, name, id string) judge {
	return func(v view) []claim {
		a, told := last(v.alerts, cause, name)
		return []claim{says("P4", told && a.Type == alerts.Resolved && a.Data.ID == id && len(opened(v.status, cause, name)) == 0,
			"alert "+string(cause)+" is resolved, under the id it was opened with",
			"alert "+string(cause)+" was not resolved under the id it was opened with")}
	}
}

// isolated: one key rotates while another one is dead.
func isolated(dead string, want map[string]string) judge {
	return func(v view) []claim {
		return []claim{holds("P8", v, want, "another key rotates as if "+dead+" were not dead")}
	}
}

// converged: after a kill at any moment the sinks hold what the source has.
func converged(name string, want map[string]string) judge {
	return func(v view) []claim {
		k := find(v.status, name)
		return []claim{
			holds("P9", v, want, "both sinks hold the newest key"),
			says("P9", k.Current != nil && k.Current.Outcome == key.Live && v.exit == 0,
				name+" is live; `livekey status` exits 0", name+" is not shown as live"),
		}
	}
}

// steady: every alert has one id from its opening to its resolution, also across restarts.
func steady(sent []alerts.Alert) []claim {
	type subject struct {
		cause key.Cause
		name  key.Name
	}
	open := map[subject]string{}
	for _, a := range sent {
		s := subject{a.Data.Cause, a.Data.Key}
		if id, ok := open[s]; ok && id != a.Data.ID {
			return []claim{{"P9", false, fmt.Sprintf("alert %s of %s changed its id while it was open", s.cause, s.name)}}
		}
		if a.Type == alerts.Resolved {
			delete(open, s)
		} else {
			open[s] = a.Data.ID
		}
	}
	return []claim{says("P9", len(sent) > 0,
		fmt.Sprintf("%d alerts were sent, each cause under one id", len(sent)), "no alert was ever sent")}
}

func holds(promise string, v view, want map[string]string, yes string) claim {
	switch {
	case !maps.Equal(v.env, want):
		return claim{promise, false, "the env file does not hold what it should"}
	case !maps.Equal(v.files, want):
		return claim{promise, false, "the directory does not hold what it should"}
	}
	return claim{promise, true, yes}
}

func find(s report.Status, name string) report.Key {
	for _, k := range s.Keys {
		if string(k.Name) == name {
			return k
		}
	}
	return report.Key{}
}

func last(sent []alerts.Alert, cause key.Cause, name string) (alerts.Alert, bool) {
	for _, a := range slices.Backward(sent) {
		if a.Data.Cause == cause && string(a.Data.Key) == name {
			return a, true
		}
	}
	return alerts.Alert{}, false
}

func opened(s report.Status, cause key.Cause, name string) []alerts.Data {
	var open []alerts.Data
	for _, d := range s.Alerts {
		if d.Cause == cause && string(d.Key) == name {
			open = append(open, d)
		}
	}
	return open
}

func idsOf(sent []alerts.Alert, cause key.Cause, name string) []string {
	var ids []string
	for _, a := range sent {
		if a.Data.Cause == cause && string(a.Data.Key) == name && !slices.Contains(ids, a.Data.ID) {
			ids = append(ids, a.Data.ID)
		}
	}
	return ids
}

func mentions(a alerts.Alert, word string) bool {
	for _, text := range append(slices.Collect(maps.Values(a.Data.Evidence)), a.Data.Summary) {
		if strings.Contains(strings.ToLower(text), word) {
			return true
		}
	}
	return false
}
