// Package schedule says what is due when. It is pure: times come in and go out,
// nothing here waits or reads a clock.
package schedule

import (
	"hash/fnv"
	"math"
	"time"
)

// NextCheck returns when a proof made at last is due to be made again: every
// later, or two thirds of the way from last to notAfter if that is sooner, less
// up to a tenth of the wait. rnd in [0,1) picks that jitter. A zero notAfter
// means that there is no end. However near the end is, the wait is no shorter than
// a twentieth of every, and an end already over hurries nobody: the clock may be
// wrong, and a proof that comes with it anew would be asked for without end.
//
// Two thirds follows Vault's client (api/lifetime_watcher.go), less its grace term.
func NextCheck(last, notAfter time.Time, every time.Duration, rnd float64) time.Time {
	wait := every
	if notAfter.After(last) {
		wait = min(wait, max(every/20, notAfter.Sub(last)*2/3))
	}
	return last.Add(wait - time.Duration(rnd*float64(wait)/10))
}

// Backoff returns the wait before try number attempt, counted from 0: base, twice
// that, and so on up to limit, plus up to as much again. rnd in [0,1) picks that.
//
// The jitter comes on top of the limit: clamped under it, a herd that waits at
// the limit would come back all at once.
func Backoff(attempt int, base, limit time.Duration, rnd float64) time.Duration {
	wait := limit
	if attempt < 32 {
		wait = min(limit, base<<max(0, attempt))
		if wait < base { // shifted out of range
			wait = limit
		}
	}
	return wait + time.Duration(rnd*float64(wait))
}

// Phase spreads what happens at an interval over it: a number in [0,1) that
// stays the same for one host and subject, and differs between them.
func Phase(host, subject string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(host))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(subject))
	// FNV's high bits change little between short texts; one round of mixing mends that.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / float64(1<<53)
}

// Spread turns one phase into the phase of its n-th use, so that a key's
// retries are spread afresh each time without a source of randomness.
func Spread(phase float64, n int) float64 {
	const golden = 0.6180339887498949
	_, f := math.Modf(phase + float64(n)*golden)
	return f
}
