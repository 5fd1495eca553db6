package rotation

import (
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
)

// delivered moves the stages on: what the first sink has is current.
func (t *turn) delivered(e Delivered) {
	switch {
	case t.s.Delivering != nil && t.s.Delivering.Fingerprint == e.Fingerprint:
		t.promote(t.s.Delivering, e)
		t.s.Delivering = nil
	case t.s.Candidate != nil && t.s.Candidate.Fingerprint == e.Fingerprint && !t.s.Was(e.Fingerprint):
		t.promote(t.s.Candidate, e) // published unproved, or written in the moment of a pause
		t.s.Candidate = nil
	case t.s.Current != nil && t.s.Current.Fingerprint == e.Fingerprint:
		t.s.Current.Unproved = e.Unproved
		if e.Unproved == "" {
			t.resolve("it is proved", key.CandidateUnproved)
		}
	default:
		t.overtaken(e.Fingerprint)
		return
	}
	t.s.Lacking = e.Lacking
	t.replaced()
}

// replaced takes note that every sink has the current version, if that is so: what was
// delivered before is in none any more.
func (t *turn) replaced() {
	if t.s.Lacking != LackingNothing || t.s.Delivering != nil {
		return
	}
	var kept []Version
	for _, v := range t.s.Older {
		if v.Delivered.IsZero() { // handed over, overtaken, in no sink
			continue
		}
		if v.Replaced.IsZero() {
			v.Replaced = t.now
			if v.Early != nil {
				t.do(Look{Reason: "a version that was revoked early is in no sink any more"})
			}
			if due := t.oldDue(&v); due.Before(v.Due) {
				v.Due = due
			}
		}
		kept = append(kept, v)
	}
	t.s.Older = kept
}

// overtaken: a sink was writing this version in the moment it was taken back.
func (t *turn) overtaken(f key.Fingerprint) {
	if v := t.s.old(f); v != nil && v.Delivered.IsZero() {
		v.Delivered = t.now
	}
	if c := t.s.Current; c != nil {
		t.s.Lacking = LackingSome
		t.check(c, Candidate, "a sink has a version that was taken back")
	}
}

func (t *turn) promote(v *Version, e Delivered) {
	if old := t.s.Current; old != nil {
		t.makeWay(*old)
	}
	if t.s.old(v.Fingerprint) != nil || !v.Delivered.IsZero() {
		t.drop(v.Fingerprint)
		t.tellOld("it is delivered again")
	}
	approved := v.Approved
	v.Hold, v.Approved, v.Retired, v.Replaced = HoldNone, false, false, time.Time{}
	v.Early, v.Ended, v.Unwatched = nil, false, false
	v.Delivered, v.Unproved = t.now, e.Unproved
	v.Rejections, v.RejectedFirst, v.Attempt, v.Reread = 0, time.Time{}, 0, time.Time{}
	v.Due = schedule.NextCheck(t.now, v.Last.ExpiresAt, t.p.Probe, t.p.Phase)
	t.s.Current, t.s.Dead = v, false
	if approved { // the person chose this owner, and knew who failed
		t.s.Identity, v.Failed = nil, ""
	}
	if v.Number > 0 { // a lower number that got here was meant
		t.s.Highest = v.Number
	}
	t.pin(v.Last.Identity)
	t.expiring()
	t.resolve("another version is delivered", key.KeySuspect, key.KeyDead, key.CandidateRejected,
		key.CandidateWorse, key.CandidateMisplaced, key.VersionRegressed)
	switch {
	case e.Unproved == "" || e.Unproved == key.NoProvider:
		t.resolve("another version is delivered", key.CandidateUnproved)
	default:
		v.Due = t.retry(0, retryBase, 0)
		t.do(t.deliveredUnprovedAlert(v))
	}
	if v.Last.Reason == key.Blocked {
		t.do(t.blockedAlert(v))
	} else {
		t.resolve("another version is delivered", key.KeyBlocked)
	}
}

// pause takes back what no sink has written yet.
func (t *turn) pause(e Paused) {
	t.s.Paused, t.s.PauseReason = e.Until, e.Reason
	if t.s.Delivering != nil && t.paused() {
		t.takeBack("paused by a person", HoldPaused)
	}
}

// lacked: a sink is behind or empty. The current version goes there only with a
// proof of this moment, or by an exception that needs an empty sink.
func (t *turn) lacked(e Lacked) {
	if t.s.Lacking != LackingAll || e.How == LackingNothing {
		t.s.Lacking = e.How
	}
	t.replaced()
	if c := t.s.Current; c != nil && e.How != LackingNothing {
		t.check(c, Candidate, "a sink lacks the current version")
	}
	t.fillEmpty()
}

// refill delivers the current version, just proved, to the sinks that lack it,
// unless its successor is on the way to them. One that consumers failed on is better
// than an empty sink, and than nothing else.
func (t *turn) refill(how Exception) {
	c := t.s.Current
	if t.s.Lacking == LackingNothing || t.s.Delivering != nil || t.paused() || c.Failed != "" && t.s.Lacking != LackingAll {
		return
	}
	t.do(Deliver{Fingerprint: c.Fingerprint, Exception: how, EmptyOnly: c.Failed != "", Reason: "a sink lacks the current version"})
}

// fillEmpty uses the exceptions for an empty sink: a version that the journal
// knows as live, or, where the config says so, one that nobody could judge yet.
func (t *turn) fillEmpty() {
	if t.s.Delivering != nil || t.paused() {
		return
	}
	c, next := t.s.Current, t.s.Candidate
	switch {
	case c != nil && t.s.Lacking == LackingAll && c.Last.Outcome == key.Live && c.Latest.Unasked():
		if c.Unproved != c.Latest.Reason {
			t.do(Deliver{Fingerprint: c.Fingerprint, Exception: KnownLive, Reason: "the sink is empty, and it was live when last asked"})
			t.do(t.deliveredUnprovedAlert(c))
		}
	case c == nil && next != nil && t.p.PublishIfEmpty && t.s.StartOver &&
		next.Hold == HoldUnknown && next.Latest.Unasked():
		t.do(Deliver{Fingerprint: next.Fingerprint, Exception: PublishIfEmpty, Reason: "the sink is empty, and on_unknown says so"})
	}
}
