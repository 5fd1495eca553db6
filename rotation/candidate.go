package rotation

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// candidateCauses are the alerts that end when the candidate they speak of is gone.
var candidateCauses = []key.Cause{
	key.CandidateRejected, key.CandidateUnproved, key.CandidateWorse, key.CandidateMisplaced, key.VersionRegressed,
}

// fetched takes note of what the source has now.
func (t *turn) fetched(e Fetched) {
	if t.s.Missing {
		t.s.Missing = false
		t.resolve("the source has the record again", key.SourceMissing)
	}
	switch {
	case t.s.Current != nil && t.s.Current.Fingerprint == e.Fingerprint:
		// Equal bytes are the same version, whatever the backend calls it now.
		c := t.s.Current
		c.ID, c.Number, c.Parts = e.Version, e.Number, e.Parts
		t.forgetCandidate("the source has the delivered version again")
		if c.Latest.Reason == key.NotYetAsked { // its bytes were nowhere to be had before
			t.check(c, Candidate, "its bytes are at hand again")
		}
	case t.s.Delivering != nil && t.s.Delivering.Fingerprint == e.Fingerprint:
		t.forgetCandidate("the source has the version that is being delivered")
		if d := t.s.Delivering; d.Latest.Reason == key.NotYetAsked {
			t.check(d, Candidate, "its bytes are at hand again")
		}
	case t.s.Candidate != nil && t.s.Candidate.Fingerprint == e.Fingerprint:
		t.seenAgain(e)
	default:
		t.newCandidate(e)
	}
	t.s.Highest = max(t.s.Highest, e.Number)
}

func (t *turn) forgetCandidate(reason string) {
	if t.s.Candidate == nil {
		return
	}
	t.s.Candidate = nil
	t.resolve(reason, candidateCauses...)
}

func (t *turn) newCandidate(e Fetched) {
	t.forgetCandidate("the source has another version now")
	c := &Version{
		ID: e.Version, Fingerprint: e.Fingerprint, Number: e.Number, Parts: e.Parts,
		Seen: t.now, SeenLast: t.now, Reads: 1,
	}
	if old := t.s.old(e.Fingerprint); old != nil {
		c.Failed = old.Failed
	}
	t.s.Candidate = c
	switch {
	case e.Number > 0 && e.Number < t.s.Highest && t.p.Rollback != RollbackAlways:
		c.Hold = HoldRegressed
		c.Reread = t.now.Add(settle) // a standby may be behind: look again before anybody is told
	case e.Fault != nil:
		t.malformed(c, *e.Fault)
	default:
		t.check(c, Candidate, "new version")
	}
}

// malformed holds bytes that cannot be a key. The alert waits until they have
// settled: an editor may be in the middle of a save.
func (t *turn) malformed(c *Version, fault key.Verdict) {
	c.Hold, c.Last, c.Latest = HoldMalformed, fault, fault
	t.tellOnceSettled(c)
}

// seenAgain is a read that agrees with the one before.
func (t *turn) seenAgain(e Fetched) {
	c := t.s.Candidate
	c.ID, c.Parts = e.Version, e.Parts
	c.Reads++
	first := c.SeenLast.IsZero() // since this start
	c.SeenLast = t.now
	switch {
	case c.Hold == HoldRegressed:
		t.stillRegressed(e)
	case e.Fault != nil:
		t.malformed(c, *e.Fault)
	case c.Hold == HoldMalformed: // what counts as a fault has changed
		c.Hold = HoldNone
		t.check(c, Candidate, "no fault any more")
	case first:
		t.check(c, Candidate, "seen again after a restart")
	default:
		t.tellOnceSettled(c)
	}
}

// stillRegressed counts the reads that agree on a lower number, until it is
// clear that somebody meant it.
func (t *turn) stillRegressed(e Fetched) {
	c := t.s.Candidate
	switch {
	case t.p.Rollback == RollbackNever:
		c.Reread = time.Time{}
		t.do(t.regressedAlert(c))
	case c.Reads < regressReads || t.now.Sub(c.Seen) < regressOver:
		c.Reread = t.now.Add(regressOver / (regressReads - 1))
		t.do(t.regressedAlert(c))
	case e.Fault != nil:
		t.malformed(c, *e.Fault)
	default:
		c.Hold, c.Reread = HoldNone, time.Time{}
		t.resolve("every read agrees: it is deliberate", key.VersionRegressed)
		t.check(c, Candidate, "lower number, confirmed")
	}
}

// Settled says whether the same bytes were still there after a second: what is
// refused of them is told from then on.
func (v *Version) Settled() bool { return v.SeenLast.Sub(v.Seen) >= settle }

// tellOnceSettled opens the alert of a refused candidate if its bytes have been
// there for a second, else asks for another read then.
func (t *turn) tellOnceSettled(c *Version) {
	if c.Hold != HoldRejected && c.Hold != HoldMalformed && (c.Hold != HoldUnknown || c.Latest.Unasked()) {
		return
	}
	if !c.Settled() {
		c.Reread = c.Seen.Add(settle)
		if !c.Reread.After(t.now) { // seen long ago, before a restart
			c.Reread = t.now.Add(settle)
		}
		return
	}
	c.Reread = time.Time{}
	if c.Hold == HoldUnknown {
		t.do(t.unprovedAlert(c))
		return
	}
	t.do(t.rejectedAlert(c))
}

// candidateChecked takes the issuer's word on the candidate.
func (t *turn) candidateChecked(c *Version, v key.Verdict) {
	switch {
	case c.Hold == HoldRegressed || c.Hold == HoldMalformed:
		return
	case v.Outcome == key.Dead && v.Reason == key.Malformed: // a fault that only its checker knows
		t.malformed(c, v)
	case v.Outcome == key.Dead:
		c.Hold = HoldRejected
		t.resolve("the issuer has answered", key.CandidateUnproved, key.CandidateWorse, key.CandidateMisplaced)
		c.Due = t.retry(c.Attempt, retryBase, v.RetryAfter)
		c.Attempt++
		t.tellOnceSettled(c)
	case v.Outcome == key.Live || v.Reason == key.NoProvider:
		c.Attempt = 0
		t.resolve("the issuer calls it live", key.CandidateRejected, key.CandidateUnproved)
		t.judge(c)
	default:
		if c.Hold != HoldRejected { // unknown is not news after a refusal
			c.Hold = HoldUnknown
		}
		c.Due = t.retry(c.Attempt, retryBase, v.RetryAfter)
		c.Attempt++
		t.tellOnceSettled(c)
		if t.now.Sub(c.Seen) >= unprovedTell && c.Hold == HoldUnknown {
			t.do(t.unprovedAlert(c))
		}
		t.fillEmpty()
	}
}

// judge decides whether a candidate that lives may replace what is delivered.
func (t *turn) judge(c *Version) {
	why, field := t.obstacle(c)
	switch {
	case why == HoldMisplaced:
		t.hold(c, why)
		t.do(t.misplacedAlert(c, field))
	case why == HoldFailed: // told of by the sink whose consumers they are
		t.hold(c, why)
	case why == HoldComparing:
		c.Hold = why
		t.check(t.s.Current, Candidate, "a candidate is to be compared with it")
	case why == HoldWorse:
		t.resolve("it belongs to the same owner", key.CandidateMisplaced)
		t.hold(c, why)
		t.do(t.worseAlert(c))
	default:
		reason := "it belongs to the same owner and ranks at least as high"
		if c.Approved {
			reason = "approved by a person"
		}
		t.resolve(reason, key.CandidateMisplaced, key.CandidateWorse)
		if t.paused() {
			t.hold(c, HoldPaused)
			return
		}
		t.handOver(c)
	}
}

// obstacle says why a live version may not replace the current one, HoldNone if
// it may: another owner (named by the field), or a lower rank.
func (t *turn) obstacle(c *Version) (why Hold, field string) {
	if c.Approved {
		return HoldNone, ""
	}
	if c.Failed != "" {
		return HoldFailed, ""
	}
	if field, ok := t.sameOwner(c.Last.Identity); !ok {
		return HoldMisplaced, field
	}
	rank, _ := c.Last.Rank()
	switch current, known := t.currentRank(rank); {
	case !known:
		return HoldComparing, ""
	case rank < current:
		return HoldWorse, ""
	}
	return HoldNone, ""
}

// hold keeps a live candidate back and asks about it again in time.
func (t *turn) hold(c *Version, why Hold) {
	c.Hold = why
	c.Due = t.now.Add(max(t.p.Probe, c.Last.RetryAfter))
}

func (t *turn) paused() bool { return t.s.Paused.After(t.now) }

// currentRank is the rank that a candidate of the given rank must reach. Known
// is false if the current version must be asked first.
func (t *turn) currentRank(candidate int) (rank int, known bool) {
	c := t.s.Current
	if c == nil || t.s.Dead || c.Rejections > 0 {
		return 0, true
	}
	last, ranked := c.Last.Rank()
	if !ranked {
		return 0, true
	}
	best, _ := key.Verdict{Outcome: key.Live, Reason: key.Valid}.Rank()
	if candidate == best { // nothing the current version could say would rank higher
		return last, true
	}
	return last, t.now.Sub(c.Latest.CheckedAt) < fresh
}

// sameOwner says whether id is of the owner that is pinned; if not, which field says so.
func (t *turn) sameOwner(id key.Identity) (field string, ok bool) {
	for field, want := range t.p.Expect {
		if id[field] != want {
			return field, false
		}
	}
	if t.p.Follow {
		return "", true
	}
	for _, field := range t.p.Pin {
		if want := t.s.Identity[field]; want != "" && t.p.Expect[field] == "" && id[field] != want {
			return field, false
		}
	}
	return "", true
}

// handOver gives a proved candidate to the sinks.
func (t *turn) handOver(c *Version) {
	if d := t.s.Delivering; d != c {
		t.s.Reverting = time.Time{} // whatever was to be put back, this is better
		if d != nil {
			t.pushOlder(*d)
		}
	}
	exception, reason := Proven, "proved"
	if c.Last.Reason == key.NoProvider {
		exception, reason = NoProvider, "nobody can prove it, as the config says"
	}
	c.Hold, c.Reread = HoldDelivering, time.Time{}
	c.Due = time.Time{}
	if t.s.Candidate == c {
		t.s.Candidate = nil
	}
	t.s.Delivering = c
	t.do(Deliver{Fingerprint: c.Fingerprint, Exception: exception, Reason: reason})
}

// approved lets a person overrule rank, owner, number and consumers that failed, never
// the issuer.
func (t *turn) approved(e Approved) {
	c, why := t.s.Approvable(e.Version)
	if c == nil {
		return
	}
	c.Failed = ""
	if c == t.s.Current {
		t.s.Reverting = time.Time{}
	} else {
		c.Approved = true
	}
	if why == HoldRegressed {
		c.Hold, c.Reread = HoldNone, time.Time{}
	}
	t.check(c, Candidate, "approved by a person")
}

// Approvable says whether a person may overrule this hold.
func (h Hold) Approvable() bool {
	return h == HoldWorse || h == HoldMisplaced || h == HoldRegressed || h == HoldFailed
}

// outdated renews a proof that a sink is waiting for.
func (t *turn) outdated(e Outdated) {
	if v := t.s.Find(e.Fingerprint); v != nil && (v == t.s.Delivering || v == t.s.Current) {
		t.check(v, Candidate, "a sink needs a fresh proof")
	}
}
