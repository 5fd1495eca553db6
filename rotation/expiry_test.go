package rotation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/livekey/livekey/internal/key"
)

const day = 24 * time.Hour

// until is a live verdict that ends so long after t0.
func until(d time.Duration) key.Verdict {
	v := live
	v.ExpiresAt = t0.Add(d)
	return v
}

// ends plays a key whose first version, "a", ends so long after t0.
func ends(t *testing.T, d time.Duration) *play {
	y := newPlay(t)
	y.p.Expiry = []time.Duration{14 * day, 3 * day, 12 * time.Hour}
	y.p.Probe = day // the thresholds come by themselves, not with a probe
	y.is("a", until(d))
	y.fetch("a", 1)
	y.wantCurrent("a")
	return y
}

// expiry is what is told of the end now: the last that was opened and not resolved,
// after was.
func (y *play) expiry(was *Open) *Open {
	for _, a := range y.acts {
		switch a := a.(type) {
		case Open:
			if a.Cause == key.KeyExpiring {
				was = &a
			}
		case Resolve:
			if a.Cause == key.KeyExpiring {
				was = nil
			}
		}
	}
	y.acts = nil
	return was
}

func (y *play) wantExpiry(was *Open, want key.Severity, says string) *Open {
	y.t.Helper()
	got := y.expiry(was)
	switch {
	case got == nil && want == "":
	case got == nil:
		y.t.Fatalf("at %s nothing is told, want %s", y.now.Sub(t0), want)
	case got.Severity != want || !strings.Contains(got.Summary, says):
		y.t.Fatalf("at %s: %s %q, want %q and %q", y.now.Sub(t0), got.Severity, got.Summary, want, says)
	}
	return got
}

func TestAnEndIsToldAtEachThreshold(t *testing.T) {
	y := ends(t, 30*day)
	a := y.wantExpiry(nil, "", "")
	y.pass(16*day-time.Nanosecond, nil)
	a = y.wantExpiry(a, "", "")
	y.pass(time.Nanosecond, nil)
	a = y.wantExpiry(a, key.Info, "expires at 2026-02-01 03:04 UTC, in less than 14d")
	y.pass(11*day-time.Nanosecond, nil)
	a = y.wantExpiry(a, key.Info, "14d")
	y.pass(time.Nanosecond, nil)
	a = y.wantExpiry(a, key.Warning, "in less than 3d")
	y.pass(60*time.Hour, nil)
	a = y.wantExpiry(a, key.Critical, "in less than 12h")
	if text := strings.Join(a.Actions, "\n"); !strings.Contains(text, "file:///k") || !strings.Contains(text, "issuer") {
		t.Errorf("what to do is not said: %q", text)
	}
	y.pass(12*time.Hour, nil)
	a = y.wantExpiry(a, key.Critical, "was to expire at")
	y.is("a", key.Verdict{Outcome: key.Dead, Reason: key.Expired, Control: key.ControlGood})
	y.send(Reported{At: y.now})
	y.wantExpiry(a, key.Critical, "was to expire") // suspect, not yet dead
	y.pass(5*time.Minute, nil)
	if !slices.Contains(y.told2(), key.KeyDead) || !y.s.Dead {
		t.Fatal("a key that is refused after its end is not dead")
	}
}

// told2 is told, which leaves what was done to be looked at.
func (y *play) told2() []key.Cause {
	acts := y.acts
	defer func() { y.acts = acts }()
	return y.told()
}

func TestAnEndGivesWayToADeath(t *testing.T) {
	y := ends(t, 10*time.Hour)
	a := y.wantExpiry(nil, key.Critical, "12h")
	y.is("a", refused)
	y.send(Reported{At: y.now})
	y.pass(y.p.ConfirmOver, nil)
	if !y.s.Dead {
		t.Fatal("not dead")
	}
	a = y.wantExpiry(a, "", "")
	y.send(Started{At: y.now}) // nor is it told after a restart
	a = y.wantExpiry(a, "", "")
	y.is("a", until(10*time.Hour))
	y.send(Refreshed{At: y.now})
	y.wantExpiry(a, key.Critical, "12h")
}

func TestAnEndIsToldUntil(t *testing.T) {
	for rule, after := range map[string]struct {
		do   func(*play)
		want key.Severity
	}{
		"another version is delivered": {func(y *play) { y.is("b", until(90*day)); y.fetch("b", 2) }, ""},
		"another without an end":       {func(y *play) { y.is("b", live); y.fetch("b", 2) }, ""},
		"not one that is held": {func(y *play) {
			foreign := until(90 * day)
			foreign.Identity = key.Identity{"organization": "theirs"}
			y.is("b", foreign)
			y.fetch("b", 2)
		}, key.Warning},
		"its issuer tells a later end":   {func(y *play) { y.is("a", until(90*day)); y.send(Refreshed{At: y.now}) }, ""},
		"its issuer tells none any more": {func(y *play) { y.is("a", live); y.send(Refreshed{At: y.now}) }, ""},
		"not while nobody answers":       {func(y *play) { y.is("a", key.Verdict{Reason: key.Transient}); y.send(Refreshed{At: y.now}) }, key.Warning},
		"not for an answer that is limited": {func(y *play) {
			y.is("a", key.Verdict{Outcome: key.Live, Reason: key.RateLimited, Identity: live.Identity})
			y.send(Refreshed{At: y.now})
		}, key.Warning},
		"not for one rejection":             {func(y *play) { y.is("a", refused); y.send(Refreshed{At: y.now}) }, key.Warning},
		"a later end, but not later enough": {func(y *play) { y.is("a", until(5*day)); y.send(Refreshed{At: y.now}) }, key.Info},
		"the config says none":              {func(y *play) { y.p.Expiry = nil; y.send(Started{At: y.now}) }, ""},
	} {
		t.Run(rule, func(t *testing.T) {
			y := ends(t, 2*day)
			a := y.wantExpiry(nil, key.Warning, "3d")
			after.do(y)
			y.wantExpiry(a, after.want, "")
		})
	}
}

func TestAnEndIsToldRightAfterARestart(t *testing.T) {
	y := ends(t, 20*day)
	y.wantExpiry(nil, "", "")
	y.is("a", key.Verdict{Reason: key.Transient}) // nobody can be asked
	again := restarted(t, y, 10*day)
	again.p.Expiry = y.p.Expiry
	again.wantExpiry(nil, key.Info, "14d")
}

// A date that an issuer tells as "seconds left" is another one each time.
func TestAnEndThatTremblesIsOne(t *testing.T) {
	y := ends(t, 2*day)
	first := y.wantExpiry(nil, key.Warning, "3d")
	before := y.s.Durable()
	for i := range 20 {
		y.is("a", until(2*day+time.Duration(i%7)*time.Second))
		y.send(Refreshed{At: y.now})
		if a := y.expiry(first); a.Evidence["expires_at"] != first.Evidence["expires_at"] {
			t.Fatalf("told again: %+v", a)
		}
	}
	if after := y.s.Durable(); !after.Current.Last.ExpiresAt.Equal(before.Current.Last.ExpiresAt) {
		t.Error("the journal is written for nothing")
	}
}

// Credentials of an hour, or a day, are replaced well before their end: thresholds of days
// say nothing of them, once it is seen that they are.
func TestShortLivesAreNoNews(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, day} {
		y := ends(t, life)
		a := y.expiry(nil) // nobody knows yet that the next one is to come
		for i := range 5 {
			y.pass(life*2/3, nil)
			f := key.Fingerprint(rune('b' + i))
			a = y.expiry(a)
			if i > 0 && a != nil {
				t.Fatalf("of %s: %q", life, a.Summary)
			}
			y.is(f, until(y.now.Sub(t0)+life))
			y.fetch(f, int64(i+2))
			y.wantCurrent(f)
			a = y.wantExpiry(a, "", "")
		}
		y.pass(life*9/10-time.Nanosecond, nil)
		a = y.wantExpiry(a, "", "")
		y.pass(time.Nanosecond, nil) // this time, none came
		y.wantExpiry(a, key.Critical, "in less than "+days(life/10))
	}
}

func TestACandidateThatEndsSoonIsNotHeld(t *testing.T) {
	y := ends(t, 90*day)
	y.wantExpiry(nil, "", "")
	y.is("b", until(2*day))
	y.fetch("b", 2)
	y.wantCurrent("b")
	y.wantExpiry(nil, key.Warning, "sooner than version a before it")
}

func TestAHeldCandidateIsToldWithItsEnd(t *testing.T) {
	for end, want := range map[time.Duration]string{0: "", 2 * day: "; it expires at 2026-01-04 03:04 UTC", 80 * day: "; it expires at 2026-03-23", 200 * day: ""} {
		y := ends(t, 90*day)
		v := key.Verdict{Outcome: key.Live, Reason: key.Blocked, Which: "no_credit", Identity: live.Identity}
		if end > 0 {
			v.ExpiresAt = t0.Add(end)
		}
		y.is("b", v)
		y.fetch("b", 2)
		i := slices.IndexFunc(y.acts, func(a Action) bool { o, ok := a.(Open); return ok && o.Cause == key.CandidateWorse })
		if i < 0 {
			t.Fatal("not held")
		}
		_, got, _ := strings.Cut(y.acts[i].(Open).Summary, "stays delivered")
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", end, got, want)
		}
	}
}

func TestSeveritiesAreCountedFromTheLast(t *testing.T) {
	for _, c := range []struct {
		thresholds []time.Duration
		want       []key.Severity
	}{
		{[]time.Duration{time.Hour}, []key.Severity{key.Critical}},
		{[]time.Duration{2 * time.Hour, time.Hour}, []key.Severity{key.Warning, key.Critical}},
		{[]time.Duration{4 * time.Hour, 3 * time.Hour, 2 * time.Hour, time.Hour}, []key.Severity{key.Info, key.Info, key.Warning, key.Critical}},
	} {
		y := newPlay(t)
		y.p.Expiry = c.thresholds
		y.is("a", until(10*time.Hour))
		y.fetch("a", 1)
		for i, want := range c.want {
			y.pass(t0.Add(10*time.Hour-c.thresholds[i]).Sub(y.now), nil)
			y.wantExpiry(nil, want, days(c.thresholds[i]))
		}
	}
}

// What the issuer's list of keys says of an end counts where its answers say none.
func TestAListTellsAnEnd(t *testing.T) {
	y := newPlay(t)
	y.p.Expiry = []time.Duration{14 * day, 3 * day, 12 * time.Hour}
	y.is("a", live)
	y.fetch("a", 1)
	a := y.wantExpiry(nil, "", "")
	y.send(Inventoried{At: y.now, Fingerprint: "b", Listing: &key.Listing{ExpiresAt: y.now.Add(day)}})
	a = y.wantExpiry(a, "", "")
	y.send(Inventoried{At: y.now, Fingerprint: "a", Listing: &key.Listing{Name: "CI", ExpiresAt: y.now.Add(4 * day)}})
	a = y.wantExpiry(a, key.Info, "14d")
	if a.Evidence["name"] != "CI" {
		t.Errorf("evidence %v", a.Evidence)
	}
	y.pass(day, nil) // probes go on, and tell no end
	a = y.wantExpiry(a, key.Warning, "3d")
	again := restarted(t, y, time.Minute)
	again.p.Expiry = y.p.Expiry
	again.wantExpiry(nil, key.Warning, "3d")
	y.send(Inventoried{At: y.now, Fingerprint: "a", Listing: &key.Listing{Name: "CI", ExpiresAt: y.now.Add(90 * day)}})
	a = y.wantExpiry(a, "", "")
	y.send(Inventoried{At: y.now, Fingerprint: "a"})
	y.wantExpiry(a, "", "")
	if y.s.Current.Rejections != 0 || y.s.Current.Last.Outcome != key.Live {
		t.Error("a list is no verdict")
	}
}

// Over any lives, thresholds and steps of time: what is told is what a calendar says.
func TestWhatIsToldIsWhatTheCalendarSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		y := newPlay(t)
		y.p.Expiry = nil
		for range rapid.IntRange(0, 4).Draw(r, "thresholds") {
			y.p.Expiry = append(y.p.Expiry, time.Duration(rapid.IntRange(1, 20*24).Draw(r, "threshold"))*time.Hour)
		}
		slices.Sort(y.p.Expiry)
		y.p.Expiry = slices.Compact(y.p.Expiry)
		slices.Reverse(y.p.Expiry)
		end := t0.Add(time.Duration(rapid.IntRange(1, 40*24).Draw(r, "life")) * time.Hour)
		y.is("a", until(end.Sub(t0)))
		y.fetch("a", 1)
		var told *Open
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 60), 1, 30).Draw(r, "steps") {
			switch {
			case step < 50:
				y.pass(time.Duration(step)*time.Hour, nil)
			case step < 55:
				y.send(Started{At: y.now})
			default:
				end = end.Add(time.Duration(step-55) * 24 * time.Hour)
				y.is("a", until(end.Sub(t0)))
				y.send(Refreshed{At: y.now})
			}
			told = y.expiry(told)
			passed := 0
			for _, d := range y.p.Expiry {
				if !y.now.Before(end.Add(-d)) {
					passed++
				}
			}
			switch {
			case (told == nil) != (passed == 0):
				r.Fatalf("%s before the end, of %v: %+v", end.Sub(y.now), y.p.Expiry, told)
			case told == nil:
			case told.Severity != severities[min(len(y.p.Expiry)-passed, 2)]:
				r.Fatalf("%s before the end, of %v: %s", end.Sub(y.now), y.p.Expiry, told.Severity)
			case y.now.Before(end) != strings.Contains(told.Summary, "in less than "+days(y.p.Expiry[passed-1])):
				r.Fatalf("%s before the end, of %v: %q", end.Sub(y.now), y.p.Expiry, told.Summary)
			}
		}
	})
}
