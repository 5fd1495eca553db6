package rotation

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// rotated is a key whose version "old" was replaced by "new" everywhere, ten minutes ago.
func rotated(t *testing.T) *play {
	y := newPlay(t)
	y.is("old", live)
	y.is("new", live)
	y.fetch("old", 0)
	y.fetch("new", 0)
	y.pass(10*time.Minute, nil)
	y.wantCurrent("new")
	y.told()
	return y
}

func (y *play) fails(f key.Fingerprint, revert bool) {
	y.send(Failed{At: y.now, Fingerprint: f, Consumer: "unit app.service", Revert: revert})
}

// delivered counts what was handed to the sinks since the last look.
func (y *play) delivered(f key.Fingerprint) (n int) {
	for _, a := range y.acts {
		if d, ok := a.(Deliver); ok && d.Fingerprint == f {
			n++
		}
	}
	return n
}

// held says whether the version "new" is the candidate, held since its consumers failed.
func (y *play) held() bool {
	c := y.s.Candidate
	return c != nil && c.Fingerprint == "new" && c.Hold == HoldFailed
}

func TestTheLastGoodVersionIsPutBackWhereItStillLives(t *testing.T) {
	for name, test := range map[string]struct {
		old  key.Verdict
		want key.Fingerprint
	}{
		"it lives":                    {live, "old"},
		"it is refused":               {refused, "new"},
		"it ranks lower":              {key.Verdict{Outcome: key.Live, Reason: key.Blocked, Identity: live.Identity}, "new"},
		"it belongs to somebody else": {key.Verdict{Outcome: key.Live, Reason: key.Valid, Identity: key.Identity{"organization": "theirs"}}, "new"},
		"nobody can say":              {key.Verdict{Reason: key.Transient}, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			y := rotated(t)
			y.is("old", test.old)
			y.acts = nil
			y.fails("new", true)
			if y.asked("old") == 0 {
				t.Error("it is not asked for this")
			}
			y.pass(time.Hour, func() { y.fetch("new", 0) })
			y.fetch("new", 0)
			y.wantCurrent(test.want)
			if !y.s.Reverting.IsZero() {
				t.Errorf("an hour later it is still to be put back: %+v", y.s)
			}
		})
	}
}

func TestAnAnswerThatComesSoonEnoughStillPutsItBack(t *testing.T) {
	y := rotated(t)
	y.is("old", key.Verdict{Reason: key.Transient})
	y.fails("new", true)
	y.pass(time.Minute, nil)
	y.wantCurrent("new")
	for _, a := range y.acts {
		if c, ok := a.(Check); ok && c.Fingerprint == "old" && c.Purpose != Candidate {
			t.Errorf("asked as %s: an answer that is shared may be old", c.Purpose)
		}
	}
	y.is("old", live)
	y.pass(revertRetry, nil)
	y.wantCurrent("old")
}

func TestWhatConsumersFailedOnBeforeIsNotPutBack(t *testing.T) {
	y := rotated(t)
	y.fails("new", false)
	y.is("newest", live)
	y.fetch("newest", 0)
	y.fails("newest", true)
	y.wantCurrent("old")
}

// What should have been revoked long ago is current again: there is nothing to revoke.
func TestAPredecessorThatIsPutBackIsNoOldVersion(t *testing.T) {
	y := rotated(t)
	y.pass(2*y.p.Grace, nil)
	if y.open(key.OverlapTooLong) == nil {
		t.Fatal("not told")
	}
	y.fails("new", true)
	if y.wantCurrent("old"); y.open(key.OverlapTooLong) != nil {
		t.Fatal("it is current, and is to be revoked")
	}
}

// A sink that cannot be written does not leave a predecessor on its way for good.
func TestAPredecessorOnItsWayThatNobodyCanJudgeIsTakenBack(t *testing.T) {
	y := rotated(t)
	s, _ := Next(y.p, y.s, Failed{At: y.now, Fingerprint: "new", Consumer: "unit app.service", Revert: true})
	got := live
	got.Fingerprint, got.CheckedAt = "old", y.now
	y.s, _ = Next(y.p, s, Checked{At: y.now, Verdict: got})
	if y.s.Delivering == nil {
		t.Fatal("it is not on its way")
	}
	y.is("old", key.Verdict{Reason: key.Transient})
	y.send(Outdated{At: y.now, Fingerprint: "old"})
	y.pass(revertWithin-time.Second, nil)
	if y.s.Delivering == nil {
		t.Fatal("given up too soon")
	}
	y.pass(2*y.p.Probe, nil)
	if y.wantCurrent("new"); y.s.Delivering != nil || y.s.Candidate != nil || y.s.old("old") == nil {
		t.Fatalf("%+v", y.s)
	}
}

func TestWithoutRevertTheFailingVersionStaysAndGoesToNoOtherSink(t *testing.T) {
	y := newPlay(t)
	y.is("old", live)
	y.is("new", live)
	y.fetch("old", 0)
	y.lacking = LackingSome
	y.fetch("new", 0)
	y.acts = nil
	y.fails("new", false)
	if _, ok := y.acts[0].(Withdraw); !ok {
		t.Errorf("the sink that is behind may still be given it: %T", y.acts[0])
	}
	y.acts = nil
	y.pass(2*time.Hour, func() { y.fetch("new", 0) })
	y.send(Lacked{At: y.now, How: LackingSome})
	y.wantCurrent("new")
	if n := y.delivered("new"); n > 0 {
		t.Fatalf("handed to the sink that is behind %d times", n)
	}
	y.lacking = LackingNothing
	y.send(Lacked{At: y.now, How: LackingAll})
	for _, a := range y.acts {
		if d, ok := a.(Deliver); ok && !d.EmptyOnly {
			t.Error("it is given to more than the empty sink")
		}
	}
	if y.delivered("new") == 0 {
		t.Error("the empty sink stays empty")
	}
	y.send(Lacked{At: y.now, How: LackingSome})
	y.acts = nil
	y.send(Approved{At: y.now})
	if y.delivered("new") != 1 {
		t.Error("approved, and not delivered to the sink that is behind")
	}
}

func TestAVersionThatConsumersFailedOnIsHeld(t *testing.T) {
	reverted := func(t *testing.T) *play {
		y := rotated(t)
		y.fails("new", true)
		y.wantCurrent("old")
		y.acts = nil
		return y
	}
	t.Run("while the source goes on having it", func(t *testing.T) {
		y := reverted(t)
		for range 5 {
			y.fetch("new", 0)
			y.pass(15*time.Minute, nil)
		}
		if y.wantCurrent("old"); !y.held() || y.delivered("new") > 0 {
			t.Fatalf("candidate %+v, delivered %d times", y.s.Candidate, y.delivered("new"))
		}
		if n := y.asked("new"); n > 12 {
			t.Errorf("asked %d times in 75 minutes", n)
		}
	})
	t.Run("over a restart at any moment", func(t *testing.T) {
		y := reverted(t)
		for range 3 {
			y = restarted(t, y, time.Second)
			y.fetch("new", 0)
			y.pass(time.Minute, nil)
		}
		if y.wantCurrent("old"); !y.held() {
			t.Fatalf("candidate %+v", y.s.Candidate)
		}
	})
	t.Run("when the source had another in between", func(t *testing.T) {
		y := reverted(t)
		y.is("newer", live)
		y.fetch("newer", 0)
		y.wantCurrent("newer")
		y.fetch("new", 0)
		if y.wantCurrent("newer"); !y.held() {
			t.Fatalf("candidate %+v", y.s.Candidate)
		}
	})
	t.Run("when a sink that was slow has it after all", func(t *testing.T) {
		y := reverted(t)
		y.send(Delivered{At: y.now, Fingerprint: "new", Lacking: LackingSome})
		if y.wantCurrent("old"); y.delivered("old") != 1 {
			t.Fatalf("the sink is not given the good one again: %+v", y.acts)
		}
	})
	t.Run("until somebody approves it", func(t *testing.T) {
		y := reverted(t)
		y.send(Approved{At: y.now})
		y.wantCurrent("new")
		if y.s.Current.Failed != "" || len(y.s.Older) != 1 {
			t.Fatalf("%+v", y.s)
		}
		y.fails("new", true) // and they fail again
		if y.wantCurrent("old"); !y.held() {
			t.Fatalf("candidate %+v", y.s.Candidate)
		}
	})
	t.Run("until it is approved, whoever failed in between", func(t *testing.T) {
		y := reverted(t)
		y.send(Paused{At: y.now, Until: y.now.Add(time.Hour)}, Approved{At: y.now})
		y.fails("new", true)
		y.send(Resumed{At: y.now})
		if y.wantCurrent("new"); y.s.Current.Failed != "" {
			t.Fatalf("%+v", y.s.Current)
		}
	})
	t.Run("and is no old version that should be revoked", func(t *testing.T) {
		y := reverted(t)
		y.pass(3*y.p.Grace, nil)
		y.wantTold()
	})
	t.Run("also when what is delivered dies, and then the way out is named", func(t *testing.T) {
		y := reverted(t)
		y.is("old", refused)
		y.pass(y.p.Probe+2*y.p.ConfirmOver, nil)
		y.wantCurrent("old")
		var dead *Open
		for _, a := range y.acts {
			if o, ok := a.(Open); ok && o.Cause == key.KeyDead {
				dead = &o
			}
		}
		if dead == nil || dead.Actions[0] != "deliver the held version all the same: livekey approve K --reason …" {
			t.Fatalf("told: %+v", dead)
		}
	})
}

// What a version is put back for outlives a kill before its answer, and a pause.
func TestARevertIsOwed(t *testing.T) {
	t.Run("over a kill", func(t *testing.T) {
		y := rotated(t)
		s, _ := Next(y.p, y.s, Failed{At: y.now, Fingerprint: "new", Consumer: "unit app.service", Revert: true})
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		y.s = State{}
		if err := json.Unmarshal(text, &y.s); err != nil {
			t.Fatal(err)
		}
		y.send(Started{At: y.now})
		y.wantCurrent("old")
	})
	t.Run("until a pause ends", func(t *testing.T) {
		y := rotated(t)
		y.send(Paused{At: y.now, Until: y.now.Add(30 * time.Minute)})
		y.fails("new", true)
		y.pass(29*time.Minute, nil)
		y.wantCurrent("new")
		y.pass(2*time.Minute, nil)
		y.wantCurrent("old")
	})
	t.Run("unless there is something better", func(t *testing.T) {
		y := rotated(t)
		y.send(Paused{At: y.now, Until: y.now.Add(30 * time.Minute)})
		y.fails("new", true)
		y.is("newer", live)
		y.fetch("newer", 0)
		y.pass(31*time.Minute, nil)
		if y.wantCurrent("newer"); y.s.Candidate != nil {
			t.Fatalf("the source has newer, and held is %+v", y.s.Candidate)
		}
	})
}

func TestTheWordOfAConsumerIsAQuestion(t *testing.T) {
	y := rotated(t)
	for range 10 {
		y.acts = nil
		y.send(Reported{At: y.now})
		if y.asked("new") != 1 || !refetches(y.acts) {
			t.Fatalf("a report led to %+v", y.acts)
		}
	}
	if y.s.Suspect() || y.s.Dead {
		t.Fatal("a key that its issuer calls live is suspect")
	}
	y.is("new", refused)
	y.send(Reported{At: y.now})
	if !y.s.Suspect() || y.s.Dead {
		t.Fatal("what the issuer says counts as ever")
	}
}
