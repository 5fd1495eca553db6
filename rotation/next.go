package rotation

import (
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
)

// Times that no config sets.
const (
	fresh        = time.Minute      // how old the other verdict may be when two versions are compared
	settle       = time.Second      // a faulty candidate must still be there after this before anybody is told
	regressReads = 3                // reads that must agree on a lower number,
	regressOver  = time.Minute      // over this time
	retireAfter  = time.Hour        // between the two rejections that retire an old version
	oldest       = 10               // how many old versions are watched
	slowest      = 6 * time.Hour    // the slowest probe of an old version
	sightFresh   = time.Minute      // how long a look for holders is as good as another
	revertWithin = 5 * time.Minute  // a predecessor that nobody can judge for this long is not put back,
	revertRetry  = 15 * time.Second // asked so often
	retryBase    = 2 * time.Second  // first retry of a candidate nobody could settle
	shakenBase   = 5 * time.Second  // first retry of a current version that nobody could ask
	unprovedTell = 30 * time.Second // a candidate that nobody can judge for this long is told
)

// Next decides. The result shares nothing with s that either may change.
func Next(p Policy, s State, e Event) (State, []Action) {
	t := &turn{p: p, s: s.clone(), now: e.at()}
	switch e := e.(type) {
	case Started:
		t.started()
	case Fetched:
		t.fetched(e)
	case Vanished:
		t.vanished(e)
	case Checked:
		t.checked(e)
	case Inventoried:
		t.inventoried(e)
	case Delivered:
		t.delivered(e)
	case Lacked:
		t.lacked(e)
	case Outdated:
		t.outdated(e)
	case Approved:
		t.approved(e)
	case Paused:
		t.pause(e)
	case Resumed:
		t.resume()
	case Refreshed:
		t.refreshed()
	case Reported:
		t.reported()
	case StartupOver:
		t.s.StartOver = true
		t.weigh()
	case Ticked:
		t.ticked()
	case Failed:
		t.failed(e)
	case Sighted:
		t.sighted(e)
	}
	t.wake()
	return t.s, t.acts
}

// turn is one call of Next.
type turn struct {
	p    Policy
	s    State
	now  time.Time
	acts []Action
}

func (t *turn) do(a Action) { t.acts = append(t.acts, a) }

// check asks about v once: until Checked comes back, no tick asks again.
func (t *turn) check(v *Version, why Purpose, reason string) {
	v.Due = time.Time{}
	t.do(Check{Fingerprint: v.Fingerprint, Purpose: why, Reason: reason})
}

func (t *turn) resolve(reason string, causes ...key.Cause) {
	for _, c := range causes {
		t.do(Resolve{Cause: c, Reason: reason})
	}
}

// retry is the time of the next try of something that attempt tries did not settle.
func (t *turn) retry(attempt int, base time.Duration, after time.Duration) time.Time {
	wait := schedule.Backoff(attempt, min(base, t.p.Probe), t.p.Probe, schedule.Spread(t.p.Phase, attempt))
	return t.now.Add(max(wait, after))
}

// notToCome makes now of times that are still to come: a clock that ran ahead wrote
// them before it was set right, and what is counted from them would wait as long.
func (t *turn) notToCome() {
	for _, v := range t.s.all() {
		for _, at := range []*time.Time{&v.Seen, &v.RejectedFirst, &v.Delivered, &v.Replaced, &t.s.Reverting} {
			if at.After(t.now) {
				*at = t.now
			}
		}
	}
}

// started forgets what only made sense before: whatever is known is proved again now.
func (t *turn) started() {
	t.notToCome()
	if c := t.s.Current; c != nil {
		c.Due = t.now
		t.expiring()
	}
	for i := range t.s.Older {
		v := &t.s.Older[i]
		v.Attempt = 0
		v.Due = t.oldDue(v)
	}
	// The source is read at every start; what it has is judged afresh, but an
	// approval and the time first seen outlive a restart.
	if c := t.s.Candidate; c != nil {
		c.SeenLast, c.Reads, c.Attempt = time.Time{}, 0, 0
		c.Last.CheckedAt = time.Time{} // no proof of this run to be delivered by
	}
	if d := t.s.Delivering; d != nil { // a sink may have it or not: that is about to be read
		d.Attempt, d.Due = 0, t.now
	}
	if !t.p.WatchPrevious {
		t.unwatch()
	}
	t.askPredecessor()
}

// resume ends a pause.
func (t *turn) resume() {
	t.s.Paused, t.s.PauseReason = time.Time{}, ""
	t.weigh()
	t.askPredecessor()
}

func (t *turn) vanished(e Vanished) {
	if t.s.Missing {
		return
	}
	t.s.Missing = true
	t.do(t.missingAlert(e.Detail))
}

func (t *turn) refreshed() {
	t.do(Refetch{Reason: "asked by a person"})
	for _, v := range []*Version{t.s.Current, t.s.Candidate} {
		if v != nil && v.Hold != HoldMalformed && v.Hold != HoldRegressed {
			v.Attempt = 0
			t.check(v, Candidate, "asked by a person")
		}
	}
	for i := range t.s.Older {
		if v := &t.s.Older[i]; !v.Retired && t.p.WatchPrevious {
			t.check(v, Routine, "asked by a person")
		}
	}
}

// ticked does what is due.
func (t *turn) ticked() {
	t.notToCome()
	if c := t.s.Candidate; c != nil {
		if due(c.Reread, t.now) {
			c.Reread = time.Time{}
			t.do(Refetch{Reason: "is the candidate still there?"})
		}
		if due(c.Due, t.now) {
			t.check(c, Candidate, "candidate is due")
		}
	}
	if d := t.s.Delivering; d != nil && due(d.Due, t.now) {
		t.check(d, Candidate, "still not delivered")
	}
	if c := t.s.Current; c != nil && due(c.Warn, t.now) {
		t.expiring()
	}
	if c := t.s.Current; c != nil && due(c.Due, t.now) {
		purpose := Routine
		if c.Rejections > 0 {
			purpose = Confirm
		}
		t.check(c, purpose, "current version is due")
	}
	for i := range t.s.Older {
		if v := &t.s.Older[i]; due(v.Due, t.now) {
			purpose := Routine
			switch {
			case v == t.predecessor():
				purpose = Candidate
			case v.Rejections > 0:
				purpose = Confirm
			}
			t.check(v, purpose, "old version is due")
		}
	}
	if due(t.s.Paused, t.now) {
		t.resume()
	}
}

func due(when, now time.Time) bool { return !when.IsZero() && !when.After(now) }

// wake asks to be woken for the earliest of all that is due by itself.
func (t *turn) wake() {
	next := t.s.Paused
	for _, v := range t.s.all() {
		for _, at := range []time.Time{v.Due, v.Reread, v.Warn} {
			if !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	if !next.IsZero() {
		t.do(WakeAt{At: next})
	}
}

// drop removes the version with this fingerprint from the old ones.
func (t *turn) drop(f key.Fingerprint) {
	t.s.Older = slices.DeleteFunc(t.s.Older, func(v Version) bool { return v.Fingerprint == f })
}
