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
	v.Hold, v.Attempt, v.Rejections, v.RejectedFirst = HoldNone, 0, 0, time.Time{}
	v.Reread = time.Time{}
	t.s.Older = slices.Insert(t.s.Older, 0, v)
	if len(t.s.Older) > oldest {
		t.s.Older = t.s.Older[:oldest]
	}
	t.s.Older[0].Due = t.oldDue(&t.s.Older[0])
}

// oldDue is when an old version is asked about next: ever more slowly.
func (t *turn) oldDue(v *Version) time.Time {
	if !t.p.WatchPrevious || v.Retired || v.Last.Reason == key.NoProvider || v.Latest.Reason == key.NoProvider {
		return time.Time{}
	}
	if v.Rejections > 0 {
		return later(t.now, v.RejectedFirst.Add(retireAfter))
	}
	wait := max(t.p.Probe, slowest)
	if v.Attempt < 16 {
		wait = min(wait, t.p.Probe<<v.Attempt)
	}
	return schedule.NextCheck(t.now, time.Time{}, wait, t.p.Phase)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// oldChecked follows an old version to its end: rejected twice, an hour apart.
func (t *turn) oldChecked(v *Version, got key.Verdict) {
	switch {
	case got.Rejected():
		v.Rejections++
		if v.Rejections == 1 {
			v.RejectedFirst = t.now
			t.resolve("the old version is refused now", key.OverlapTooLong)
			if v.Replaced.IsZero() {
				t.do(t.revokedEarlyAlert(v))
			}
		}
		if t.now.Sub(v.RejectedFirst) >= retireAfter {
			v.Retired = true
			t.resolve("every consumer path has the new version", key.RevokedEarly)
			t.do(t.completeAlert(v))
			t.resolve("told", key.RotationComplete)
		}
	case got.Outcome == key.Live:
		v.Rejections, v.RejectedFirst = 0, time.Time{}
		v.Attempt++
		if !v.Replaced.IsZero() && t.now.Sub(v.Replaced) > t.p.Grace {
			t.do(t.overlapAlert(v))
		}
	default:
		v.Attempt++
	}
	v.Due = t.oldDue(v)
	if got.RetryAfter > 0 && !v.Due.IsZero() {
		v.Due = later(v.Due, t.now.Add(got.RetryAfter))
	}
}
