package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func TestBudgetKeepsTheReserveForWhatMatters(t *testing.T) {
	b := NewBudget(500)
	for i := range 450 {
		if ok, _ := b.Take(noon, false); !ok {
			t.Fatalf("routine call %d was refused", i+1)
		}
	}
	ok, at := b.Take(noon, false)
	if ok {
		t.Fatal("a routine call took from the reserve")
	}
	if want := noon.Add(25 * time.Hour); !at.Equal(want) {
		t.Errorf("retry at %s, want %s", at, want)
	}
	for i := range Reserve {
		if ok, _ := b.Take(noon, true); !ok {
			t.Fatalf("reserved call %d was refused", i+1)
		}
	}
	if ok, _ := b.Take(noon, true); ok {
		t.Fatal("a reserved call went over the limit")
	}
	if ok, _ := b.Take(noon.Add(25*time.Hour-time.Second), true); ok {
		t.Fatal("allowed before retryAt")
	}
	if ok, _ := b.Take(noon.Add(25*time.Hour), false); !ok {
		t.Fatal("refused at retryAt")
	}
}

func TestBudgetStretch(t *testing.T) {
	used := func(n int) Budget {
		b := NewBudget(500)
		for range n {
			b.Take(noon, false)
		}
		return b
	}
	for name, c := range map[string]struct {
		b        Budget
		interval time.Duration
		want     time.Duration
	}{
		"an interval that lasts the day stays":            {used(0), 10 * time.Minute, 10 * time.Minute},
		"an interval that would not last is spread":       {used(0), 10 * time.Second, 25 * time.Hour / 450},
		"what is used already stretches the rest further": {used(425), 10 * time.Minute, time.Hour},
		"a budget used up waits for the window":           {used(450), time.Minute, 25 * time.Hour},
		"no budget at all waits for the window":           {Budget{}, time.Minute, 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.b.Stretch(noon, c.interval); got != c.want {
				t.Errorf("Stretch(%s) = %s, want %s", c.interval, got, c.want)
			}
		})
	}
}

// In any 24 hours a budget allows at most its limit, of which routine calls get
// at most what is not reserved; and a call at retryAt passes.
func TestBudgetHoldsInEveryWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 120).Draw(t, "limit")
		b := NewBudget(limit)
		type call struct {
			at       time.Time
			reserved bool
		}
		var taken []call
		now := noon
		for range rapid.IntRange(1, 400).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "wait")) * time.Second)
			reserved := rapid.Bool().Draw(t, "reserved")
			ok, at := b.Take(now, reserved)
			if ok {
				taken = append(taken, call{now, reserved})
				continue
			}
			if !at.After(now) {
				t.Fatalf("refused at %s, retry at %s", now, at)
			}
			later := b
			if ok, _ := later.Take(at, reserved); !ok {
				t.Fatalf("refused at its own retryAt %s", at)
			}
		}
		for i, first := range taken {
			all, routine := 0, 0
			for _, c := range taken[i:] {
				if c.at.Sub(first.at) >= 24*time.Hour {
					break
				}
				all++
				if !c.reserved {
					routine++
				}
			}
			if all > limit || routine > limit-min(Reserve, limit/2) {
				t.Fatalf("24 h from %s: %d calls, %d of them routine, limit %d", first.at, all, routine, limit)
			}
		}
	})
}

// A clock is set back, by an hour or a year: calls go on being counted, none is free,
// and nobody waits for the clock to get where it was.
func TestBudgetOutlivesAClockThatIsSetBack(t *testing.T) {
	for name, back := range map[string]time.Duration{
		"an hour": time.Hour, "two hours": 2 * time.Hour, "a day": 24 * time.Hour, "a year": 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBudget(500)
			for range 450 {
				b.Take(noon, false)
			}
			now := noon.Add(-back)
			ok, at := b.Take(now, false)
			if ok {
				t.Error("the budget was renewed")
			}
			if wait := at.Sub(now); wait > 26*time.Hour {
				t.Errorf("the next call is possible in %s", wait)
			}
			if every := b.Stretch(now, time.Minute); every > 26*time.Hour {
				t.Errorf("the interval is stretched to %s", every)
			}
			if ok, _ := b.Take(now.Add(26*time.Hour), false); !ok {
				t.Error("refused a day later")
			}
		})
	}
}

func TestBudgetAllowsNoStormWhereverTheClockJumps(t *testing.T) {
	jumps := []time.Duration{0, time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour, time.Minute, -time.Second}
	rapid.Check(t, func(t *rapid.T) {
		b := NewBudget(20)
		now, taken, ahead := noon, 0, 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			jump := rapid.SampledFrom(jumps).Draw(t, "jump")
			now = now.Add(jump)
			if jump > 24*time.Hour { // a day that nobody lived through renews it
				ahead++
			}
			if ok, at := b.Take(now, true); ok {
				taken++
			} else if wait := at.Sub(now); wait <= 0 || wait > 26*time.Hour {
				t.Fatalf("refused, and to be asked again in %s", wait)
			}
			if every := b.Stretch(now, time.Minute); every < time.Minute || every > 26*time.Hour {
				t.Fatalf("stretched to %s", every)
			}
		}
		if limit := 20 * (ahead + 1 + 100/24); taken > limit {
			t.Fatalf("%d calls, allowed are %d", taken, limit)
		}
	})
}
