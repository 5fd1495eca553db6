package rotation

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// failed: consumers did not come back with a version. Sinks that do not have it yet are
// left alone, and where the sink's config says so its predecessor is put back. Who
// failed is told by the sink.
func (t *turn) failed(e Failed) {
	who := e.Consumer
	if who == "" {
		who = "a consumer"
	}
	for _, v := range t.s.all() {
		if v.Fingerprint == e.Fingerprint {
			v.Failed = who
		}
	}
	if d := t.s.Delivering; d != nil && d.Fingerprint == e.Fingerprint && !d.Approved {
		t.takeBack(who+" did not come back with it", HoldFailed)
	}
	if c := t.s.Current; c == nil || c.Fingerprint != e.Fingerprint {
		return
	}
	t.do(Withdraw{Fingerprint: e.Fingerprint, Reason: who + " did not come back with it"})
	if e.Revert && t.s.Delivering == nil {
		t.s.Reverting = t.now
		t.askPredecessor()
	}
}

// predecessor is the version that may be put back: the newest that consumers had, and
// did not fail on. Nil: there is none, or nothing is to be put back.
func (t *turn) predecessor() *Version {
	if t.s.Reverting.IsZero() {
		return nil
	}
	for i := range t.s.Older {
		if v := &t.s.Older[i]; v.Failed == "" && !v.Delivered.IsZero() {
			return v
		}
	}
	return nil
}

// askPredecessor asks whether what is to be put back still lives.
func (t *turn) askPredecessor() {
	if t.s.Reverting.IsZero() || t.s.Delivering != nil || t.paused() {
		return
	}
	v := t.predecessor()
	if v == nil || v.Retired {
		t.stay()
		return
	}
	t.check(v, Candidate, "consumers failed on its successor")
}

// goBack hands over the predecessor as soon as an answer of this minute says that it
// lives and is no worse. Where it says anything else the failing version stays: a sink
// is never left with less than it has.
func (t *turn) goBack() {
	v := t.predecessor()
	if v == nil || t.s.Delivering != nil || t.paused() {
		return
	}
	got := v.Latest
	if got.CheckedAt.Before(t.s.Reverting) || t.now.Sub(got.CheckedAt) >= fresh {
		return // its answer is still to come
	}
	if got.Outcome != key.Live && got.Reason != key.NoProvider {
		if got.Outcome == key.Dead || t.now.Sub(t.s.Reverting) >= revertWithin {
			t.stay()
			return
		}
		v.Due = t.now.Add(max(min(revertRetry, t.p.Probe), got.RetryAfter))
		return
	}
	switch why, _ := t.obstacle(v); why {
	case HoldNone:
		since, back := t.s.Reverting, *v
		t.drop(v.Fingerprint)
		t.handOver(&back)
		t.s.Reverting = since // until a sink has it
	case HoldComparing:
		t.check(t.s.Current, Candidate, "its predecessor is to be compared with it")
	default:
		t.stay()
	}
}

// stay leaves the current version where it is.
func (t *turn) stay() {
	if v := t.predecessor(); v != nil {
		v.Due = t.oldDue(v)
	}
	t.s.Reverting = time.Time{}
}

// makeWay is what becomes of the current version when another is: an old one. What was
// reverted is also what the source still has: held, until somebody approves it or the
// source has another.
func (t *turn) makeWay(old Version) {
	reverted := !t.s.Reverting.IsZero()
	t.s.Reverting = time.Time{}
	old.Warn = time.Time{}
	t.pushOlder(old)
	if !reverted || t.s.Candidate != nil || t.s.Missing {
		return
	}
	t.s.Candidate = &Version{
		ID: old.ID, Fingerprint: old.Fingerprint, Number: old.Number, Parts: old.Parts,
		Seen: old.Seen, SeenLast: old.SeenLast, Reads: 1, Last: old.Last, Latest: old.Latest, Failed: old.Failed, Listed: old.Listed,
	}
	t.hold(t.s.Candidate, HoldFailed)
}
