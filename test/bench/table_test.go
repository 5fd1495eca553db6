package bench

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// table collects figures and prints them as they come.
type table struct {
	all []figure
}

// A figure is one measured number and, where something was promised, its limit.
type figure struct {
	name    string
	got     float64
	unit    string // "ms", "MB", "x"
	limit   float64
	limited bool
}

func (f figure) kept() bool { return !f.limited || f.got <= f.limit }

func (t *table) title(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "\n"+format+"\n", args...)
}

// note prints a line that no limit is about.
func (t *table) note(w io.Writer, name, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "  %-38s %s\n", name, fmt.Sprintf(format, args...))
}

// want prints a figure and its limit, which it may reach and not exceed.
func (t *table) want(w io.Writer, name string, got float64, unit string, limit float64) {
	f := figure{name, got, unit, limit, true}
	t.all = append(t.all, f)
	word := "PASS"
	if !f.kept() {
		word = "MISS"
	}
	_, _ = fmt.Fprintf(w, "  %-38s %8.2f %-3s at most %8.2f %-3s %s\n", name, got, unit, limit, unit, word)
}

func (t *table) missed() (names []string) {
	for _, f := range t.all {
		if !f.kept() {
			names = append(names, f.name)
		}
	}
	return names
}

func (t *table) limits() int { return len(t.all) }

// sample is a set of durations.
type sample []time.Duration

// quantile is by nearest rank: a value that was measured, in milliseconds.
func (s sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN() // no limit is kept by nothing
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return ms(sorted[min(max(rank, 0), len(sorted)-1)])
}

func (s sample) String() string {
	return fmt.Sprintf("p50 %6.2f   p90 %6.2f   p99 %6.2f   max %6.2f ms", s.quantile(0.5), s.quantile(0.9), s.quantile(0.99), s.quantile(1))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func TestQuantilesAreMeasuredValues(t *testing.T) {
	var s sample
	for i := 100; i >= 1; i-- {
		s = append(s, time.Duration(i)*time.Millisecond)
	}
	for _, c := range []struct{ q, want float64 }{{0.5, 50}, {0.9, 90}, {0.99, 99}, {1, 100}, {0, 1}} {
		if got := s.quantile(c.q); got != c.want {
			t.Errorf("quantile %g of 1..100 ms is %g, want %g", c.q, got, c.want)
		}
	}
	if s[0] != 100*time.Millisecond {
		t.Error("a quantile reordered the sample")
	}
}

func TestALimitIsMissedByMoreAndByNothing(t *testing.T) {
	var tab table
	tab.want(io.Discard, "at the limit", 3, "x", 3)
	tab.want(io.Discard, "above", 3.01, "x", 3)
	tab.want(io.Discard, "not measured", sample{}.quantile(0.5), "ms", 3)
	if got, want := tab.missed(), []string{"above", "not measured"}; !slices.Equal(got, want) {
		t.Errorf("missed %q, want %q", got, want)
	}
}

var out = os.Stdout
