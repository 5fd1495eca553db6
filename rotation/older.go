package rotation

import (
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
)

// pushOlder makes v the newest of the old versions. One that was handed to the
// sinks and overtaken goes there too: a sink may be writing it in this moment.
func (t *turn) pushOlder(v Version) {
	if v.Delivered.IsZero() && t.s.old(v.Fingerprint) != nil {
		return
	}
	t.drop(v.Fingerprint)
	refused := v.Latest.Rejected()
	v.Hold, v.Attempt, v.Rejections, v.RejectedFirst = HoldNone, 0, 0, time.Time{}
	v.Reread, v.Approved = time.Time{}, false
	t.s.Older = slices.Insert(t.s.Older, 0, v)
	if len(t.s.Older) > oldest {
		t.s.Older = t.s.Older[:oldest]
		t.tellOld("it is no longer among the last ten")
	}
	old := &t.s.Older[0]
	if old.Due = t.oldDue(old); refused && !old.Due.IsZero() {
		old.Due = t.now // its holders are refused in this moment
	}
}

// oldDue is when an old version is asked about next: ever more slowly, and in the moment
// when it should no longer be valid.
func (t *turn) oldDue(v *Version) time.Time {
	if !t.p.WatchPrevious || v.Retired || v.Last.Reason == key.NoProvider || v.Latest.Reason == key.NoProvider {
		return time.Time{}
	}
	if end := v.RejectedFirst.Add(retireAfter); v.Rejections > 0 && end.After(t.now) {
		return end
	}
	wait := max(t.p.Probe, slowest)
	if v.Attempt < 16 {
		wait = min(wait, t.p.Probe<<v.Attempt)
	}
	next := schedule.NextCheck(t.now, time.Time{}, wait, t.p.Phase)
	if end := v.Replaced.Add(t.p.Grace); !v.Replaced.IsZero() && end.After(t.now) && end.Before(next) {
		return end
	}
	return next
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// oldChecked follows an old version to its end: rejected twice, an hour apart.
func (t *turn) oldChecked(v *Version, e Checked) {
	if !t.p.WatchPrevious {
		return
	}
	got := e.Verdict
	v.Unwatched = e.Lost
	switch {
	case got.Rejected() && v.Retired: // asked for another reason: that was told
	case got.Rejected():
		t.oldRejected(v)
	case got.Outcome == key.Live:
		v.Rejections, v.RejectedFirst, v.Retired = 0, time.Time{}, false
		v.Attempt++
		if v.Early != nil {
			v.Early = nil
			t.tellEarly("the old version lives again")
		}
	default:
		v.Attempt++
	}
	t.tellOverlap()
	v.Due = t.oldDue(v)
	if got.RetryAfter > 0 && !v.Due.IsZero() {
		v.Due = later(v.Due, t.now.Add(got.RetryAfter))
	}
}

// oldRejected: whoever has it still is refused from now on. Who that is, a look tells.
func (t *turn) oldRejected(v *Version) {
	v.Rejections++
	if v.Rejections == 1 {
		v.RejectedFirst, v.Attempt = t.now, 0
		t.do(Look{Reason: "an old version is refused for the first time"})
		known := t.s.Sight
		if t.now.Sub(known.At) >= sightFresh {
			known = Sighted{}
		}
		holders := known.Holders[v.Fingerprint]
		if !v.Delivered.IsZero() && (v.Replaced.IsZero() || len(holders) > 0) {
			v.Early = &Early{Holders: holders, Blind: known.Blind}
			t.tellEarly("")
		}
		return
	}
	if t.now.Sub(v.RejectedFirst) < retireAfter {
		return
	}
	v.Retired = true
	if v.Early != nil && len(v.Early.Holders) == 0 && !v.Replaced.IsZero() {
		v.Early = nil
		t.tellEarly("every sink has its successor")
	}
	t.end(v)
}

// sighted takes note of who was seen with which version.
func (t *turn) sighted(e Sighted) {
	t.s.Sight = e
	if !t.p.WatchPrevious {
		return
	}
	var over []*Version
	reason := "no consumer is seen with it any more"
	for i := range t.s.Older {
		v := &t.s.Older[i]
		holders := e.Holders[v.Fingerprint]
		switch was := v.Early; {
		case v.Rejections == 0, v.Delivered.IsZero(): // it lives, as far as anybody knows, or comes from elsewhere
		case len(holders) > 0:
			v.Early = &Early{Holders: holders, Blind: e.Blind}
		case was == nil || v.Replaced.IsZero():
		case len(was.Holders) == 0:
			reason = "every sink has its successor, and no consumer is seen with it"
			v.Early, over = nil, append(over, v)
		case !e.Blind || was.Blind: // else it saw less than who saw them
			v.Early, over = nil, append(over, v)
		}
	}
	t.tellEarly(reason)
	t.tellOverlap()
	for _, v := range over {
		t.end(v)
	}
}

// end is the good end of a rotation: the old version is refused for good, no sink has
// it, and nobody was seen with it.
func (t *turn) end(v *Version) {
	if !v.Retired || v.Ended || v.Early != nil || v.Replaced.IsZero() {
		return
	}
	v.Ended = true
	t.do(t.completeAlert(v))
	t.resolve("told", key.RotationComplete)
}

// oldOnes are the old versions for which is holds, newest first.
func (t *turn) oldOnes(is func(*Version) bool) []*Version {
	var all []*Version
	for i := range t.s.Older {
		if v := &t.s.Older[i]; is(v) {
			all = append(all, v)
		}
	}
	return all
}

// tellEarly tells of all versions that were revoked too soon in one alert, or that it is
// over, and why.
func (t *turn) tellEarly(reason string) {
	if all := t.oldOnes(func(v *Version) bool { return v.Early != nil }); len(all) > 0 {
		t.do(t.revokedEarlyAlert(all))
		return
	}
	t.resolve(reason, key.RevokedEarly)
}

// tellOld tells what is left to tell of the old versions, since one is none any more.
func (t *turn) tellOld(reason string) {
	t.tellEarly(reason)
	t.tellOverlap()
}

// tellOverlap tells of all versions that should have been revoked by now in one alert, or
// that there is none any more.
func (t *turn) tellOverlap() {
	if all := t.oldOnes(t.overlaps); len(all) > 0 {
		t.do(t.overlapAlert(all))
		return
	}
	reason := "the old version is refused now"
	if len(t.oldOnes(func(v *Version) bool { return v.Unwatched })) > 0 {
		reason = "nobody has the value of the old version any more: whether it is valid cannot be told"
	}
	t.resolve(reason, key.OverlapTooLong)
}

// overlaps says whether the issuer called an old version live after its grace was over.
// What the source has, too, is not to be revoked.
func (t *turn) overlaps(v *Version) bool {
	if c := t.s.Candidate; c != nil && c.Fingerprint == v.Fingerprint {
		return false
	}
	return !v.Replaced.IsZero() && !v.Unwatched && v.Rejections == 0 && v.Last.Outcome == key.Live &&
		!v.Last.CheckedAt.Before(v.Replaced.Add(t.p.Grace))
}

// unwatch ends what is told of old versions, since the config wants them left alone.
func (t *turn) unwatch() {
	for i := range t.s.Older {
		t.s.Older[i].Early = nil
	}
	t.resolve("watch_previous is off", key.RevokedEarly, key.OverlapTooLong)
}
