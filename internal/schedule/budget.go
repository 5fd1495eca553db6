package schedule

import "time"

// Reserve is how many calls of a day a budget keeps for candidates,
// confirmations and reports. A small budget keeps half of itself.
const Reserve = 50

// hours is how many hourly counts a Budget holds: a day, and the hour in which
// the day began. So no 24 hours ever see more calls than the limit.
const hours = 25

// Budget limits the calls made for one key in any 24 hours. It is pure: the time
// is an argument. Where that was set back, the calls of before keep their age. Not safe for concurrent use. The zero
// Budget allows nothing; make one with NewBudget.
type Budget struct {
	limit   int
	reserve int
	newest  int64 // hour since 1970 that counts[newest%hours] is about
	counts  [hours]int32
}

// NewBudget allows limit calls a day.
func NewBudget(limit int) Budget {
	return Budget{limit: limit, reserve: min(Reserve, limit/2)}
}

// Take counts one call at now if the budget allows it. reserved calls may use the
// whole limit, others leave the reserve alone. If it does not allow it, retryAt
// is the earliest time at which it will, in UTC.
func (b *Budget) Take(now time.Time, reserved bool) (ok bool, retryAt time.Time) {
	b.advance(now)
	if b.left(reserved) > 0 {
		b.counts[b.newest%hours]++
		return true, time.Time{}
	}
	return false, b.relief(reserved)
}

// Stretch returns interval, or more where calls at this interval would use up
// the unreserved rest of the day: then what is left is spread evenly over the
// time until the oldest calls leave the window.
func (b *Budget) Stretch(now time.Time, interval time.Duration) time.Duration {
	b.advance(now)
	rest := b.relief(false).Sub(now)
	return max(interval, rest/time.Duration(max(1, b.left(false))))
}

func (b *Budget) left(reserved bool) int {
	left := b.limit
	if !reserved {
		left -= b.reserve
	}
	for _, n := range b.counts {
		left -= int(n)
	}
	return left
}

// relief is when enough of the oldest calls leave the window that one more fits;
// if one fits already, when the first of them leaves; with none, a day from now.
func (b *Budget) relief(reserved bool) time.Time {
	left := b.left(reserved)
	for h := b.newest - hours + 1; h <= b.newest; h++ {
		n := int(b.counts[mod(h)])
		if left += n; n > 0 && left > 0 {
			return time.Unix((h+hours)*3600, 0).UTC()
		}
	}
	return time.Unix((b.newest+hours)*3600, 0).UTC()
}

// setBack is by how many hours the clock must have been set back to count as that:
// callers come in any order, and one of the last hour may be late.
const setBack = 2

// advance empties the hours that left the window.
func (b *Budget) advance(now time.Time) {
	hour := now.Unix() / 3600
	if back := b.newest - hour; back >= setBack {
		var moved [hours]int32
		for h := b.newest - hours + 1; h <= b.newest; h++ {
			moved[mod(h-back)] = b.counts[mod(h)]
		}
		b.newest, b.counts = hour, moved
	}
	for h := max(b.newest+1, hour-hours+1); h <= hour; h++ {
		b.counts[mod(h)] = 0
	}
	b.newest = max(b.newest, hour)
}

func mod(hour int64) int64 { return (hour%hours + hours) % hours }
