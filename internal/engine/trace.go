package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// trace notes what an event changed about the rotations of the key. Of a key that has had
// one version nothing is kept.
func (k *keyRun) trace(ev rotation.Event, before, after *rotation.State) {
	if was, is := before.Current, after.Current; was != nil && is != nil && was.Fingerprint != is.Fingerprint {
		k.traceBegin(was, is)
	}
	if len(before.Older) == 0 && len(after.Older) == 0 {
		return
	}
	switch ev := ev.(type) {
	case rotation.Delivered:
		k.traceDelivered(ev, after)
	case rotation.Sighted:
		for _, old := range after.Older {
			for _, c := range ev.Holders[old.Fingerprint] {
				k.e.witnessOld(k.Name, old.Fingerprint, trail.Step{At: ev.At, What: trail.Held, Where: string(c)})
			}
		}
	}
	k.traceOld(before, after)
}

// traceBegin opens the record of the rotation in which is takes the place of was. If is
// was the predecessor of was, that rotation has been taken back.
func (k *keyRun) traceBegin(was, is *rotation.Version) {
	k.e.note(k.Name, trail.Step{At: is.Delivered, What: trail.Reverted},
		func(n noted) bool { return n.to == was.Fingerprint && n.from == is.Fingerprint })
	k.e.begin(k.Name, trailVersion(was), trailVersion(is))
	if !is.Seen.IsZero() {
		k.e.witness(k.Name, is.Fingerprint, trail.Step{At: is.Seen, What: trail.Seen})
	}
	if was.Rejections > 0 { // it was refused before anything could take its place
		k.e.witness(k.Name, is.Fingerprint, trail.Step{At: was.RejectedFirst, What: trail.Refused, Detail: refusal(was.Last)})
	}
}

// traceDelivered notes which sinks have the current version, and who says that it lives.
func (k *keyRun) traceDelivered(ev rotation.Delivered, after *rotation.State) {
	c := after.Current
	if c == nil || c.Fingerprint != ev.Fingerprint {
		return
	}
	if c.Unproved == "" && c.Last.Outcome == key.Live {
		k.e.witness(k.Name, c.Fingerprint, trail.Step{At: c.Last.CheckedAt, What: trail.Proved, Detail: verdictText(c.Last)})
	}
	for _, s := range k.sinks {
		if has, _ := s.hasVersion(k.Name, c.Fingerprint); has {
			k.e.witness(k.Name, c.Fingerprint, trail.Step{At: ev.At, What: trail.Delivered, Where: s.Name, Detail: unproved(c)})
		}
	}
}

// traceOld notes how old versions come to their end.
func (k *keyRun) traceOld(before, after *rotation.State) {
	for i := range before.Older {
		was := &before.Older[i]
		is := after.Find(was.Fingerprint)
		step := trail.Step{At: now()}
		switch {
		case is == nil && !was.Retired && !was.Delivered.IsZero():
			step.What, step.Detail = trail.Unwatched, "too many versions have come since; livekey watches the last ten"
		case is == nil || is == after.Current || is == after.Delivering || is == after.Candidate:
			continue
		case is.Retired && !was.Retired:
			step.What, step.Detail = trail.Complete, "refused again, an hour or more after the first time"
		case is.Unwatched && !was.Unwatched:
			step.What, step.Detail = trail.Unwatched, "nobody has its value any more: when it dies cannot be told"
		case was.Rejections == 0 && is.Rejections > 0:
			step.At, step.What, step.Detail = is.RejectedFirst, trail.Refused, refusal(is.Last)
		default:
			continue
		}
		k.e.witnessOld(k.Name, was.Fingerprint, step)
	}
}

func trailVersion(v *rotation.Version) trail.Version {
	return trail.Version{Version: v.ID, Fingerprint: v.Fingerprint}
}

// verdictText is what an issuer said, with the name that it gave to the question.
func verdictText(v key.Verdict) string {
	text := v.Outcome.String() + "/" + string(v.Reason)
	if v.RequestID != "" {
		text += ", request " + v.RequestID
	}
	return text
}

func refusal(v key.Verdict) string {
	if v.Outcome != key.Dead {
		return ""
	}
	return verdictText(v)
}

// unproved is why nobody proved what was delivered, for a person.
func unproved(v *rotation.Version) string {
	if v.Unproved == "" {
		return ""
	}
	return "unproved: " + string(v.Unproved)
}
