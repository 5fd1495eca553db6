package rotation

import (
	"maps"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
)

// checked takes a verdict to the version it was made for. A source may have gone
// back to an old version: then it is both, and both are told.
func (t *turn) checked(e Checked) {
	for _, v := range t.s.all() {
		if v.Fingerprint != e.Verdict.Fingerprint {
			continue
		}
		e.Verdict = v.remember(e.Verdict)
		v.Latest = e.Verdict
		if e.Verdict.Outcome != key.Unknown || e.Verdict.Reason == key.NoProvider {
			v.Last = e.Verdict
		}
	}
	if v := t.s.old(e.Verdict.Fingerprint); v != nil {
		t.oldChecked(v, e)
	}
	switch v := t.s.Find(e.Verdict.Fingerprint); v {
	case nil: // a version that nobody follows any more
	case t.s.Candidate:
		t.candidateChecked(v, e.Verdict)
	case t.s.Delivering:
		t.deliveringChecked(v, e.Verdict)
	case t.s.Current:
		t.currentChecked(v, e)
	}
	t.goBack()
}

// deliveringChecked renews the proof that a slow sink waits for, or takes the
// version back if it may not be delivered any more.
func (t *turn) deliveringChecked(d *Version, v key.Verdict) {
	lives := v.Outcome == key.Live || v.Reason == key.NoProvider
	if !lives && v.Outcome != key.Dead {
		if since := t.s.Reverting; !since.IsZero() && t.now.Sub(since) >= revertWithin {
			t.takeBack("nobody can say whether it still lives", HoldNone)
			return
		}
		d.Due = t.retry(d.Attempt, retryBase, v.RetryAfter)
		d.Attempt++
		return
	}
	if lives {
		why, _ := t.obstacle(d)
		if why == HoldNone {
			t.handOver(d)
			return
		}
		if why == HoldComparing {
			d.Due = t.retry(0, retryBase, 0)
			t.check(t.s.Current, Candidate, "what is being delivered is to be compared with it")
			return
		}
	}
	t.takeBack("it may not replace the current version any more", HoldNone)
	if t.s.Candidate == d {
		t.candidateChecked(d, v)
	}
}

// takeBack makes what no sink has written yet a candidate again, unless the
// source has moved on. A sink may be writing it in this moment: it is watched. A
// predecessor that was to be put back is what it was.
func (t *turn) takeBack(reason string, why Hold) {
	d := t.s.Delivering
	t.do(Withdraw{Fingerprint: d.Fingerprint, Reason: reason})
	t.s.Delivering = nil
	t.pushOlder(*d)
	if !t.s.Reverting.IsZero() {
		if why != HoldPaused {
			t.s.Reverting = time.Time{}
		}
		return
	}
	if t.s.Candidate == nil {
		t.s.Candidate = d
		t.hold(d, why)
	}
}

func (t *turn) currentChecked(c *Version, e Checked) {
	v := e.Verdict
	switch {
	case v.Outcome == key.Live:
		t.currentLives(c, v)
	case v.Outcome == key.Dead:
		t.currentRejected(c, e)
	case v.Reason == key.NoProvider:
		t.currentUnproved(c, v)
	case v.Reason == key.Unauthenticated:
		t.currentDoubted(c, v)
	default:
		c.Due = t.retry(c.Attempt, shakenBase, v.RetryAfter)
		c.Attempt++
	}
	t.weigh()
	switch {
	case v.Outcome == key.Live:
		t.refill(Proven)
	case v.Reason == key.NoProvider:
		t.refill(NoProvider)
	}
}

func (t *turn) currentLives(c *Version, v key.Verdict) {
	c.Rejections, c.RejectedFirst, c.Doubts, c.Attempt = 0, time.Time{}, 0, 0
	t.s.Dead = false
	t.resolve("the issuer calls it live", key.KeySuspect, key.KeyDead)
	if c.Unproved != "" {
		c.Unproved = ""
		t.resolve("the issuer calls it live", key.CandidateUnproved)
	}
	if v.Reason == key.Blocked {
		t.do(t.blockedAlert(c))
	} else {
		t.resolve("it can be used again", key.KeyBlocked)
	}
	t.pin(v.Identity)
	t.expiring()
	// From the answer on, not from now: keys with equal bytes that share one answer
	// stay in step, and go on sharing.
	c.Due = schedule.NextCheck(v.CheckedAt, v.ExpiresAt, t.p.Probe, t.p.Phase)
	if !c.Due.After(t.now) { // an answer that was shared, and is about to end
		c.Due = schedule.NextCheck(t.now, v.ExpiresAt, t.p.Probe, t.p.Phase)
	}
	if v.Reason == key.RateLimited {
		c.Due = t.now.Add(max(v.RetryAfter, c.Due.Sub(t.now)))
	}
}

// currentUnproved: nobody can prove it. Whoever called it dead went by a date that it
// carries itself, and so by a clock, which has been set right since.
func (t *turn) currentUnproved(c *Version, v key.Verdict) {
	c.Rejections, c.RejectedFirst, c.Attempt = 0, time.Time{}, 0
	t.s.Dead = false
	t.resolve("it is not past its own end", key.KeySuspect, key.KeyDead)
	t.expiring()
	c.Due = schedule.NextCheck(t.now, v.ExpiresAt, t.p.Probe, t.p.Phase)
}

// pin keeps the owner of the first proved version, unless the config says who it is.
func (t *turn) pin(id key.Identity) {
	if t.p.Follow {
		return
	}
	for _, field := range t.p.Pin {
		if id[field] == "" || t.s.Identity[field] != "" {
			continue
		}
		grown := key.Identity{field: id[field]}
		maps.Copy(grown, t.s.Identity)
		if maps.Equal(grown, id) {
			grown = id // nobody changes either, and thousands of keys have one
		}
		t.s.Identity = grown
	}
}

// currentRejected: suspect first, dead later. At the first rejection the source
// is read past every cache, since the replacement may already be there.
func (t *turn) currentRejected(c *Version, e Checked) {
	c.Rejections++
	c.Attempt, c.Doubts = 0, 0
	if c.Rejections == 1 {
		c.RejectedFirst = t.now
		t.do(Refetch{Reason: "the issuer refused the current version"})
	}
	c.Due = t.askAgain(e.Verdict)
	if !t.confirmed(c.Rejections, c.RejectedFirst) || e.Verdict.Control == key.ControlSilent || e.Issuer == IssuerSuspect {
		return
	}
	t.s.Dead = true
	t.resolve("it is confirmed dead", key.KeySuspect)
	t.expiring()
	c.Due = schedule.NextCheck(t.now, time.Time{}, t.p.Probe, t.p.Phase)
	if e.Issuer != IssuerGone { // else one alert speaks for all keys of the host
		t.do(t.deadAlert(c))
	}
}

// currentDoubted: a rejection that carries no mark of the issuer changes
// nothing, but somebody should know when it keeps coming.
func (t *turn) currentDoubted(c *Version, v key.Verdict) {
	if c.Doubts == 0 {
		c.DoubtedFirst = t.now
	}
	c.Doubts++
	c.Due = t.askAgain(v)
	if t.confirmed(c.Doubts, c.DoubtedFirst) {
		c.Due = schedule.NextCheck(t.now, time.Time{}, t.p.Probe, t.p.Phase)
		t.do(t.suspectAlert(c))
	}
}

// askAgain spreads the rejections that confirm each other over the time that they
// have to span.
func (t *turn) askAgain(v key.Verdict) time.Time {
	between := t.p.ConfirmOver / time.Duration(max(1, t.p.ConfirmTimes-1))
	return t.now.Add(max(between, v.RetryAfter))
}

// confirmed says whether that many rejections in a row, the first of them at
// first, are enough.
func (t *turn) confirmed(times int, first time.Time) bool {
	return times >= t.p.ConfirmTimes && t.now.Sub(first) >= t.p.ConfirmOver
}

// weigh looks again at a candidate that was held for a reason that may be gone.
func (t *turn) weigh() {
	c := t.s.Candidate
	if c != nil && (c.Hold == HoldComparing || c.Hold == HoldWorse || c.Hold == HoldPaused) {
		if t.now.Sub(c.Last.CheckedAt) >= fresh && c.Last.Outcome == key.Live {
			c.Hold = HoldNone
			t.check(c, Candidate, "looked at again")
		} else {
			t.weighed(c)
		}
	}
	t.fillEmpty()
}

// weighed judges a candidate again. A current version that could not be judged in this
// minute either counts with its last known verdict.
func (t *turn) weighed(c *Version) {
	if cur := t.s.Current; cur != nil && c.Hold == HoldComparing && t.now.Sub(cur.Latest.CheckedAt) >= fresh {
		return // its verdict is still to come
	}
	t.judge(c)
}
