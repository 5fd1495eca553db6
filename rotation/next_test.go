package rotation

import (
	"reflect"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// play feeds events to one key and answers its checks with what truth says, so
// that a test reads as a story.
type play struct {
	t     *testing.T
	p     Policy
	s     State
	now   time.Time
	truth map[key.Fingerprint]key.Verdict
	acts  []Action // of everything since the last look
	wake  time.Time

	lacking Lacking // after every delivery
}

func newPlay(t *testing.T) *play {
	return &play{t: t, p: policy(), now: t0, truth: map[key.Fingerprint]key.Verdict{}}
}

func (y *play) is(f key.Fingerprint, v key.Verdict) {
	v.Fingerprint = f
	y.truth[f] = v
}

func (y *play) send(events ...Event) {
	for len(events) > 0 {
		var acts []Action
		y.s, acts = Next(y.p, y.s, events[0])
		events = events[1:]
		y.acts = append(y.acts, acts...)
		y.wake = time.Time{}
		for _, a := range acts {
			switch a := a.(type) {
			case Check:
				v := y.truth[a.Fingerprint]
				v.CheckedAt = y.now
				events = append(events, Checked{At: y.now, Verdict: v})
			case Deliver:
				events = append(events, Delivered{At: y.now, Fingerprint: a.Fingerprint, Lacking: y.lacking})
			case WakeAt:
				y.wake = a.At
			}
		}
	}
}

func (y *play) fetch(f key.Fingerprint, number int64) {
	y.send(Fetched{At: y.now, Version: key.Version(f), Fingerprint: f, Number: number})
}

// pass lets time go by, with a tick whenever one was asked for. The source is read
// where that was asked for, and still has what again says.
func (y *play) pass(d time.Duration, again func()) {
	ticks := 0
	for end := y.now.Add(d); ; ticks++ {
		if ticks > 100_000 {
			y.t.Fatalf("woken again and again for %s, at %s: %+v", y.wake, y.now, y.s.Current)
		}
		if y.wake.IsZero() || y.wake.After(end) {
			y.now = end
			return
		}
		if y.wake.After(y.now) {
			y.now = y.wake
		}
		seen := len(y.acts)
		y.send(Ticked{At: y.now})
		if again != nil && refetches(y.acts[seen:]) {
			again()
		}
	}
}

// asked is how often f was asked about since the last look.
func (y *play) asked(f key.Fingerprint) (n int) {
	for _, a := range y.acts {
		if c, ok := a.(Check); ok && c.Fingerprint == f {
			n++
		}
	}
	return n
}

// told lists what was opened and resolved since the last look, without repeats.
func (y *play) told() (opened []key.Cause) {
	open := map[key.Cause]bool{}
	for _, a := range y.acts {
		if o, ok := a.(Open); ok && !open[o.Cause] {
			open[o.Cause] = true
			opened = append(opened, o.Cause)
		}
	}
	y.acts = nil
	return opened
}

func (y *play) wantCurrent(f key.Fingerprint) {
	y.t.Helper()
	if y.s.Current == nil || y.s.Current.Fingerprint != f {
		y.t.Fatalf("current is %+v, want %s", y.s.Current, f)
	}
}

func (y *play) wantTold(want ...key.Cause) {
	y.t.Helper()
	got := y.told()
	if len(got) != len(want) {
		y.t.Fatalf("told %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			y.t.Fatalf("told %q, want %q", got, want)
		}
	}
}

var (
	live    = key.Verdict{Outcome: key.Live, Reason: key.Valid, Identity: key.Identity{"organization": "ours"}}
	refused = key.Verdict{Outcome: key.Dead, Reason: key.Invalid, Control: key.ControlGood}
)

func TestARefusedCandidateIsToldOnlyIfItStays(t *testing.T) {
	for name, stays := range map[string]bool{"the same bytes a second later": true, "other bytes by then": false} {
		t.Run(name, func(t *testing.T) {
			y := newPlay(t)
			y.is("a", refused)
			y.is("b", live)
			y.fetch("a", 0)
			y.wantTold()
			y.pass(999*time.Millisecond, nil)
			y.wantTold()
			if stays {
				y.pass(time.Millisecond, func() { y.fetch("a", 0) })
				y.wantTold(key.CandidateRejected)
				return
			}
			y.pass(time.Second, func() { y.fetch("b", 0) })
			y.wantTold()
			y.wantCurrent("b")
		})
	}
}

func TestARefusedCandidateIsAskedAgain(t *testing.T) { // a fresh key may need a moment at its issuer

	y := newPlay(t)
	y.is("a", refused)
	y.fetch("a", 0)
	y.is("a", live)
	y.pass(5*time.Second, func() { y.fetch("a", 0) })
	y.wantCurrent("a")
}

func TestALowerNumberWaitsUntilThreeReadsAgree(t *testing.T) {
	for _, c := range []struct {
		name      string
		rollback  Rollback
		after     time.Duration
		delivered bool
		told      []key.Cause
	}{
		{"confirmed: not yet after a minute's first half", RollbackConfirmed, 40 * time.Second, false, []key.Cause{key.VersionRegressed}},
		{"confirmed: three reads over a minute are deliberate", RollbackConfirmed, 62 * time.Second, true, []key.Cause{key.VersionRegressed}},
		{"never: nothing but a person's word", RollbackNever, 24 * time.Hour, false, []key.Cause{key.VersionRegressed}},
		{"always: at once", RollbackAlways, 0, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newPlay(t)
			y.p.Rollback = c.rollback
			y.is("new", live)
			y.is("old", live)
			y.fetch("new", 7)
			y.fetch("old", 6)
			y.pass(c.after, func() { y.fetch("old", 6) })
			y.wantTold(c.told...)
			want := key.Fingerprint("new")
			if c.delivered {
				want = "old"
			}
			y.wantCurrent(want)
		})
	}
}

func TestTwoReadsOfALowerNumberAreNotEnoughHoweverFarApart(t *testing.T) {
	y := newPlay(t)
	y.is("new", live)
	y.is("old", live)
	y.fetch("new", 7)
	y.fetch("old", 6)
	y.pass(10*time.Minute, nil) // asked for again, and the source does not answer
	y.fetch("old", 6)
	y.wantCurrent("new")
	y.fetch("old", 6)
	y.wantCurrent("old")
}

func TestAStandbyThatIsBehindForAMomentIsNoNews(t *testing.T) {
	y := newPlay(t)
	y.is("new", live)
	y.is("old", live)
	for range 5 {
		y.fetch("new", 7)
		y.fetch("old", 6)
		y.pass(500*time.Millisecond, nil)
	}
	y.fetch("new", 7)
	y.wantTold()
	y.wantCurrent("new")
}

func TestAnOldVersionIsFollowedToItsEnd(t *testing.T) {
	rotated := func(t *testing.T) *play {
		y := newPlay(t)
		y.is("old", live)
		y.is("new", live)
		y.fetch("old", 0)
		y.fetch("new", 0)
		y.wantCurrent("new")
		y.told()
		return y
	}
	t.Run("two rejections an hour apart retire it", func(t *testing.T) {
		y := rotated(t)
		y.is("old", refused)
		y.pass(59*time.Minute, nil)
		if y.wantTold(); y.s.Older[0].Retired || y.s.Older[0].Rejections == 0 {
			t.Fatalf("after its first rejection: %+v", y.s.Older[0])
		}
		y.pass(20*time.Minute, nil)
		if n := y.asked("old"); n != 1 {
			t.Fatalf("asked %d times for the second rejection", n)
		}
		y.wantTold(key.RotationComplete)
		if y.s.Stage("old") != key.StageRetired {
			t.Fatalf("stage %s", y.s.Stage("old"))
		}
	})
	t.Run("still valid after the grace period is told", func(t *testing.T) {
		y := rotated(t)
		y.pass(23*time.Hour, nil)
		y.wantTold()
		y.pass(8*time.Hour, nil)
		y.wantTold(key.OverlapTooLong)
	})
	t.Run("the grace period begins when the last sink has moved on", func(t *testing.T) {
		y := newPlay(t)
		y.is("old", live)
		y.is("new", live)
		y.fetch("old", 0)
		y.lacking = LackingSome
		y.fetch("new", 0)
		y.wantCurrent("new")
		y.told()
		y.pass(40*time.Hour, nil)
		y.wantTold()
		y.lacking = LackingNothing
		y.pass(23*time.Hour, nil)
		y.wantTold()
		y.pass(8*time.Hour, nil)
		y.wantTold(key.OverlapTooLong)
	})
	t.Run("it is asked ever more slowly", func(t *testing.T) {
		y := rotated(t)
		y.pass(24*time.Hour, nil)
		if asked := y.asked("old"); asked > 10 { // after 10, 20, 40, … minutes
			t.Fatalf("asked %d times on the first day", asked)
		}
		y.pass(29*24*time.Hour, nil)
		if asked := y.asked("old"); asked < 100 || asked > 150 { // then every six hours
			t.Fatalf("asked %d times in thirty days", asked)
		}
	})
	t.Run("revoked before every sink moved on is told", func(t *testing.T) {
		y := newPlay(t)
		y.is("old", live)
		y.is("new", live)
		y.fetch("old", 0)
		won := live
		won.Fingerprint, won.CheckedAt = "new", y.now
		for _, e := range []Event{
			Fetched{At: y.now, Version: "2", Fingerprint: "new"},
			Checked{At: y.now, Verdict: won},
			Delivered{At: y.now, Fingerprint: "new", Lacking: LackingSome},
		} {
			y.s, _ = Next(y.p, y.s, e)
		}
		gone := refused
		gone.Fingerprint = "old"
		y.send(Checked{At: y.now, Verdict: gone})
		y.wantTold(key.RevokedEarly)
	})
	t.Run("the ten newest are kept", func(t *testing.T) {
		y := newPlay(t)
		for i := range 15 {
			f := key.Fingerprint(rune('a' + i))
			y.is(f, live)
			y.fetch(f, 0)
		}
		if len(y.s.Older) != oldest || y.s.Older[0].Fingerprint != "n" {
			t.Fatalf("%d old versions, newest %s", len(y.s.Older), y.s.Older[0].Fingerprint)
		}
	})
}

func TestABlockedKeyIsTold(t *testing.T) {
	y := newPlay(t)
	y.is("a", live)
	y.fetch("a", 0)
	blocked := live
	blocked.Reason, blocked.Which = key.Blocked, "no_credit"
	y.is("a", blocked)
	y.pass(11*time.Minute, nil)
	y.wantTold(key.KeyBlocked)
}

func TestOwnersByHandAndByFirstProof(t *testing.T) {
	other := live
	other.Identity = key.Identity{"organization": "theirs"}
	silent := live
	silent.Identity = nil
	for _, c := range []struct {
		name   string
		change func(*Policy)
		answer key.Verdict
		passes bool
	}{
		{"pinned by the first proof", func(*Policy) {}, other, false},
		{"identity: follow", func(p *Policy) { p.Follow = true }, other, true},
		{"expected by hand", func(p *Policy) { p.Expect = key.Identity{"organization": "theirs"} }, other, true},
		{"expected by hand to be a third", func(p *Policy) { p.Expect = key.Identity{"organization": "x"}; p.Follow = true }, other, false},
		{"pinned, and the issuer does not say who owns it", func(*Policy) {}, silent, false},
		{"expected by hand, and the issuer does not say who owns it", func(p *Policy) { p.Expect = key.Identity{"organization": "x"}; p.Follow = true }, silent, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newPlay(t)
			y.is("a", live)
			y.is("b", c.answer)
			y.fetch("a", 0)
			c.change(&y.p)
			y.fetch("b", 0)
			want := key.Fingerprint("a")
			if c.passes {
				want = "b"
			}
			y.wantCurrent(want)
		})
	}
}

// Steady is a promise to whoever leaves a read out.
func TestASteadyStateHasNoUseForAnotherRead(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	steady := 0
	for name, s := range states(now) {
		if s.Steady(fpNew) {
			t.Errorf("%s: steady with a version that is not its current one", name)
		}
		if !s.Steady(fpCurrent) {
			continue
		}
		steady++
		before := s.clone()
		after, actions := Next(Policy{Probe: time.Hour}, s, Fetched{At: now, Version: s.Current.ID, Number: s.Current.Number, Fingerprint: fpCurrent})
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: another read changed %+v to %+v", name, before, after)
		}
		for _, a := range actions {
			if _, wake := a.(WakeAt); !wake {
				t.Errorf("%s: another read led to %+v", name, a)
			}
		}
	}
	if steady == 0 {
		t.Error("no state is steady")
	}
}
