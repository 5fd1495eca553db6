package rotation

import (
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

func TestDeadNeedsTimesOverAndAControl(t *testing.T) {
	start := func(t *testing.T) *play {
		y := newPlay(t)
		y.is("a", live)
		y.fetch("a", 0)
		y.told()
		return y
	}
	t.Run("three rejections over ninety seconds", func(t *testing.T) {
		y := start(t)
		y.is("a", refused)
		y.pass(10*time.Minute, nil)
		first := y.s.Current.RejectedFirst
		y.wantTold()
		y.pass(first.Add(89*time.Second).Sub(y.now), nil)
		if y.wantTold(); y.s.Dead || !y.s.Suspect() {
			t.Fatal("dead before ninety seconds were over")
		}
		y.pass(2*time.Second, nil)
		if y.wantTold(key.KeyDead); !y.s.Dead {
			t.Fatal("not dead")
		}
	})
	t.Run("two rejections are not enough however far apart", func(t *testing.T) {
		y := start(t)
		slow := refused
		slow.RetryAfter = 5 * time.Minute
		y.is("a", slow)
		y.pass(10*time.Minute, nil)
		y.pass(9*time.Minute, nil)
		if y.wantTold(); y.s.Dead || y.s.Current.Rejections != 2 {
			t.Fatalf("%d rejections, dead: %v", y.s.Current.Rejections, y.s.Dead)
		}
		y.pass(5*time.Minute, nil)
		y.wantTold(key.KeyDead)
	})
	t.Run("a live answer in between begins anew", func(t *testing.T) {
		y := start(t)
		y.is("a", refused)
		y.pass(11*time.Minute, nil)
		y.is("a", live)
		y.pass(time.Minute, nil)
		if y.s.Suspect() || y.s.Dead {
			t.Fatal("a live key is suspect")
		}
		y.wantTold()
	})
	t.Run("a date of its own, when the clock was wrong, is taken back", func(t *testing.T) {
		y := newPlay(t)
		unproved := key.Verdict{Reason: key.NoProvider}
		y.is("a", unproved)
		y.fetch("a", 0)
		y.told()
		y.is("a", key.Verdict{Outcome: key.Dead, Reason: key.Expired})
		y.pass(15*time.Minute, nil)
		if y.wantTold(key.KeyDead); !y.s.Dead {
			t.Fatal("not dead past its end")
		}
		y.is("a", unproved)
		y.pass(11*time.Minute, nil)
		if y.s.Dead || y.s.Suspect() || y.s.Current.Rejections != 0 {
			t.Fatal("dead, and its end is ahead again")
		}
		if !slices.ContainsFunc(y.acts, func(a Action) bool { r, ok := a.(Resolve); return ok && r.Cause == key.KeyDead }) {
			t.Fatal("the alert stays open")
		}
	})
	t.Run("a control that says nothing leaves it suspect", func(t *testing.T) {
		y := start(t)
		silent := refused
		silent.Control = key.ControlSilent
		y.is("a", silent)
		y.pass(time.Hour, nil)
		if y.wantTold(); y.s.Dead {
			t.Fatal("called dead, and nobody knows whether the road is good")
		}
		y.is("a", refused)
		y.pass(time.Minute, nil)
		y.wantTold(key.KeyDead)
	})
	t.Run("trouble at the issuer is waited out", func(t *testing.T) {
		y := start(t)
		v := refused
		v.Fingerprint = "a"
		for range 10 {
			y.now = y.now.Add(time.Minute)
			y.send(Checked{At: y.now, Verdict: v, Issuer: IssuerSuspect})
		}
		if y.s.Dead {
			t.Fatal("dead while its siblings are suspect too")
		}
		y.now = y.now.Add(time.Minute)
		y.send(Checked{At: y.now, Verdict: v, Issuer: IssuerGone})
		if y.wantTold(); !y.s.Dead {
			t.Fatal("not dead after it has lasted")
		}
	})
}

func TestRejectionsWithoutTheIssuersMarkAreToldAndChangeNothing(t *testing.T) {
	y := newPlay(t)
	y.is("a", live)
	y.fetch("a", 0)
	y.is("a", key.Verdict{Reason: key.Unauthenticated})
	y.pass(13*time.Minute, nil)
	y.wantTold(key.KeySuspect)
	if y.s.Dead || y.s.Current.Last.Outcome != key.Live {
		t.Fatal("an unmarked rejection changed the verdict")
	}
}

func TestSiblings(t *testing.T) {
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	type saw struct {
		name key.Name
		v    key.Verdict
		at   time.Duration
		want Issuer
	}
	for name, story := range map[string][]saw{
		"one key alone says nothing": {{"a", refused, 0, IssuerFine}, {"a", refused, time.Hour, IssuerFine}},
		"two within five minutes are waited for, then gone": {
			{"a", refused, 0, IssuerFine},
			{"b", refused, 4 * time.Minute, IssuerSuspect},
			{"a", refused, 18 * time.Minute, IssuerSuspect},
			{"b", refused, 19 * time.Minute, IssuerGone},
		},
		"two far apart are two dead keys": {{"a", refused, 0, IssuerFine}, {"b", refused, 6 * time.Minute, IssuerFine}},
		"a live answer clears the issuer": {{"a", refused, 0, IssuerFine}, {"b", refused, time.Minute, IssuerSuspect}, {"c", live, 2 * time.Minute, IssuerFine}, {"a", refused, 3 * time.Minute, IssuerFine}},
		"silence changes nothing":         {{"a", refused, 0, IssuerFine}, {"b", key.Verdict{Reason: key.Transient}, time.Minute, IssuerFine}},
	} {
		t.Run(name, func(t *testing.T) {
			var s Siblings
			for i, e := range story {
				var got Issuer
				if s, got = s.Saw(e.name, e.v, at(e.at)); got != e.want {
					t.Fatalf("after %d: %q, want %q", i, got, e.want)
				}
			}
		})
	}
}
