package schedule

import "time"

// Allowance bounds what others may cause: some of a day's events at once, and then one
// each time that another comes back, evenly over the day. It is pure: the time is an argument.
// Not safe for concurrent use. The zero Allowance allows nothing; make one with NewAllowance.
type Allowance struct {
	every time.Duration // how long one takes to come back
	burst time.Duration // how long all take
	whole time.Time     // when all are back
}

// atOnce is the part of a day's allowance that may be used up at once.
const atOnce = 5

// NewAllowance allows perDay events a day, and a fifth of them, but at least one, at once.
func NewAllowance(perDay int) Allowance {
	perDay = max(1, perDay)
	every := 24 * time.Hour / time.Duration(perDay)
	return Allowance{every: every, burst: every * time.Duration(max(1, perDay/atOnce))}
}

// Take counts one event at now if it is allowed. Where the clock was set back, nobody waits
// longer than for all to come back.
func (a *Allowance) Take(now time.Time) bool {
	if latest := now.Add(a.burst); a.whole.After(latest) {
		a.whole = latest
	}
	if a.whole.Before(now) {
		a.whole = now
	}
	if next := a.whole.Add(a.every); a.every > 0 && !next.After(now.Add(a.burst)) {
		a.whole = next
		return true
	}
	return false
}
