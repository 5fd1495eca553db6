package schedule

import (
	"testing"
	"time"
)

func TestAnAllowanceComesBackEvenly(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	taken := func(a *Allowance, from time.Time, d, step time.Duration) (n int) {
		for at := from; at.Before(from.Add(d)); at = at.Add(step) {
			if a.Take(at) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		rule   string
		perDay int
		atOnce int
		inADay int // from a full one on, by somebody who asks every minute
	}{
		{"a fifth at once", 100, 20, 20 + 100},
		{"at least one", 2, 1, 1 + 1},
		{"none is one a day", 0, 1, 1},
	} {
		a := NewAllowance(c.perDay)
		if got := taken(&a, noon, time.Second, time.Millisecond); got != c.atOnce {
			t.Errorf("%s: %d at once, want %d", c.rule, got, c.atOnce)
		}
		a = NewAllowance(c.perDay)
		if got := taken(&a, noon, 24*time.Hour, time.Minute); got > c.inADay || got < c.inADay-1 {
			t.Errorf("%s: %d in a day, want %d", c.rule, got, c.inADay)
		}
	}
	a := NewAllowance(100)
	taken(&a, noon, time.Hour, time.Minute)
	if back := noon.Add(-365 * 24 * time.Hour); a.Take(back) || !a.Take(back.Add(time.Hour)) {
		t.Error("a clock that is set back starves everybody, or gives everything back")
	}
	if (&Allowance{}).Take(noon) {
		t.Error("the zero Allowance allows something")
	}
}
