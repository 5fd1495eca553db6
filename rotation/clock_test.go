package rotation

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// jumps are where a clock may be found after a restart, seen from the journal.
var jumps = map[string]time.Duration{
	"an hour ahead": time.Hour, "an hour back": -time.Hour,
	"a year ahead": 365 * 24 * time.Hour, "a year back": -365 * 24 * time.Hour,
}

// restarted is what a run at another time makes of this state: it went through the
// journal.
func restarted(t *testing.T, y *play, jump time.Duration) *play {
	t.Helper()
	text, err := json.Marshal(y.s)
	if err != nil {
		t.Fatal(err)
	}
	again := &play{t: t, p: y.p, now: y.now.Add(jump), truth: y.truth}
	if err := json.Unmarshal(text, &again.s); err != nil {
		t.Fatal(err)
	}
	again.send(Started{At: again.now})
	return again
}

// Whatever state a clock that jumps finds in the journal, no version is asked in a
// storm, none that lives is called dead, and none that was revoked is forgotten.
func TestAJournalFromAnotherTime(t *testing.T) {
	for name, jump := range jumps {
		for state, s := range states(t0) {
			if s.Current == nil || s.Lacking != LackingNothing { // the journal keeps no lack
				continue
			}
			y := newPlay(t)
			y.s = s
			for _, f := range []key.Fingerprint{fpCandidate, fpDelivering, fpCurrent, fpOld} {
				y.is(f, live)
			}
			y = restarted(t, y, jump)
			y.pass(6*time.Hour, nil)
			for _, f := range []key.Fingerprint{fpCandidate, fpDelivering, fpCurrent, fpOld} {
				if n := y.asked(f); n > 6*7 {
					t.Fatalf("%s, %s: %s was asked %d times in six hours", name, state, f, n)
				}
			}
			for _, cause := range y.told() {
				if cause == key.KeyDead || cause == key.KeySuspect || cause == key.RevokedEarly {
					t.Fatalf("%s, %s: %s was told, and every key lives", name, state, cause)
				}
			}
			current := y.s.Current.Fingerprint
			y.is(current, refused)
			y.pass(y.p.Probe+y.p.ConfirmOver, nil)
			if !y.s.Dead {
				t.Fatalf("%s, %s: a key that was revoked is not dead after %s", name, state, y.p.Probe+y.p.ConfirmOver)
			}
		}
	}
}

// Rejections that were counted before the clock was set right do not make a key dead
// by themselves, and do not put it off either.
func TestASuspectOfAnotherTime(t *testing.T) {
	for name, jump := range jumps {
		t.Run(name, func(t *testing.T) {
			y := newPlay(t)
			y.is("a", live)
			y.fetch("a", 1)
			y.is("a", refused)
			y.pass(y.p.Probe, nil)
			if !y.s.Suspect() {
				t.Fatal("the key is no suspect")
			}
			y = restarted(t, y, jump)
			if y.s.Dead {
				t.Error("dead although two rejections are no three")
			}
			y.pass(2*y.p.ConfirmOver, nil)
			if !y.s.Dead {
				t.Errorf("not dead %s after the restart", 2*y.p.ConfirmOver)
			}
		})
	}
}

// A refused candidate is told although the clock was set back since it was seen.
func TestACandidateOfAnotherTime(t *testing.T) {
	for name, jump := range jumps {
		t.Run(name, func(t *testing.T) {
			y := newPlay(t)
			y.is("a", live)
			y.fetch("a", 1)
			y.is("b", refused)
			y.fetch("b", 2)
			y = restarted(t, y, jump)
			y.fetch("b", 2)
			y.pass(time.Minute, func() { y.fetch("b", 2) })
			y.wantTold(key.CandidateRejected)
		})
	}
}

// What was held before a restart is not delivered by a proof of before it: its bytes may
// not have been read yet.
func TestAHeldCandidateIsProvedAnewAfterARestart(t *testing.T) {
	y := newPlay(t)
	y.is("a", live)
	y.fetch("a", 1)
	y.is("b", key.Verdict{Outcome: key.Live, Reason: key.Blocked, Identity: live.Identity})
	y.fetch("b", 2)
	if y.s.Candidate == nil || y.s.Candidate.Hold != HoldWorse {
		t.Fatalf("the candidate is %+v, want one that is held", y.s.Candidate)
	}
	y.is("a", refused)
	y.is("b", key.Verdict{Reason: key.NotYetAsked})
	y = restarted(t, y, 0)
	y.pass(5*time.Second, nil)
	if y.s.Delivering != nil || y.s.Current.Fingerprint != "a" {
		t.Fatalf("delivered without a proof: %+v", y.s)
	}
	y.is("b", live)
	y.fetch("b", 2)
	y.wantCurrent("b")
}

// A key that expires soon, or that has by this clock, is asked about more often and
// never in a storm; also where another key's answer will do for it.
func TestAnEndThatIsNearIsNoStorm(t *testing.T) {
	for name, left := range map[string]time.Duration{
		"soon": 6 * time.Minute, "now": 0, "an hour ago": -time.Hour, "a year ago": -365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			y := newPlay(t)
			v := live
			v.ExpiresAt = t0.Add(left)
			y.is("a", v)
			y.fetch("a", 1)
			y.acts = nil
			y.pass(time.Hour, nil)
			if n := y.asked("a"); n < 6 || n > 30 {
				t.Errorf("asked %d times in an hour", n)
			}
			shared := y.truth["a"]
			shared.CheckedAt = y.now.Add(-y.p.Probe / 2) // as the prober answers from its memory
			s, acts := Next(y.p, y.s, Checked{At: y.now, Verdict: shared})
			for _, a := range acts {
				if w, ok := a.(WakeAt); ok && !w.At.After(y.now) {
					t.Errorf("due again at once: %+v", s.Current)
				}
			}
		})
	}
}
