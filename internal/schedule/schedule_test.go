package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestNextCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		notAfter time.Time
		every    time.Duration
		rnd      float64
		want     time.Duration
	}{
		{"no lease waits the full interval", time.Time{}, time.Minute, 0, time.Minute},
		{"a short lease wins", t0.Add(30 * time.Second), time.Minute, 0, 20 * time.Second},
		{"a long lease does not", t0.Add(time.Hour), time.Minute, 0, time.Minute},
		{"a lease that is nearly over is no busy loop", t0.Add(time.Millisecond), time.Minute, 0, 3 * time.Second},
		{"a lease already over hurries nobody", t0.Add(-time.Hour), time.Minute, 0, time.Minute},
		{"nor does one that ended by a clock a year ahead", t0.AddDate(-1, 0, 0), time.Minute, 0, time.Minute},
		{"jitter only ever shortens", time.Time{}, time.Minute, 0.5, 57 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := NextCheck(t0, c.notAfter, c.every, c.rnd).Sub(t0); got != c.want {
				t.Fatalf("waits %v, want %v", got, c.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name    string
		attempt int
		rnd     float64
		want    time.Duration
	}{
		{"the first try waits the base", 0, 0, time.Second},
		{"each doubles", 3, 0, 8 * time.Second},
		{"up to the limit", 30, 0, time.Minute},
		{"jitter comes on top of the limit", 30, 0.5, 90 * time.Second},
		{"a huge attempt does not overflow", 1 << 20, 0, time.Minute},
		{"a negative attempt is the first", -1, 0, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Backoff(c.attempt, time.Second, time.Minute, c.rnd); got != c.want {
				t.Fatalf("waits %v, want %v", got, c.want)
			}
		})
	}
}

func TestBackoffIsNeverShorterThanItsBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "base"))
		limit := base + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "more"))
		got := Backoff(rapid.IntRange(0, 100).Draw(t, "attempt"), base, limit, rapid.Float64Range(0, 0.999).Draw(t, "rnd"))
		if got < base || got > 2*limit {
			t.Fatalf("waits %v, base %v, limit %v", got, base, limit)
		}
	})
}

func TestPhaseSpreadsAThousandKeysEvenly(t *testing.T) {
	var buckets [10]int
	for i := range 1000 {
		p := Phase("host", "key"+string(rune('a'+i%26))+time.Duration(i).String())
		if p < 0 || p >= 1 {
			t.Fatalf("phase %v is outside [0,1)", p)
		}
		buckets[int(p*10)]++
	}
	for i, n := range buckets {
		if n < 60 || n > 140 {
			t.Fatalf("bucket %d of ten holds %d of 1000", i, n)
		}
	}
	if Phase("a", "bc") == Phase("ab", "c") {
		t.Fatal("host and subject run into each other")
	}
	if Spread(0.3, 1) == Spread(0.3, 2) {
		t.Fatal("two uses of one phase are spread alike")
	}
}
