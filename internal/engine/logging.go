package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// logStages says what changed for a person who reads along: one line a change.
func (k *keyRun) logStages(before, after *rotation.State) {
	if c := after.Candidate; c != nil && c.Hold != rotation.HoldNone {
		was := before.Find(c.Fingerprint)
		if was == nil || was.Hold != c.Hold {
			v := c.Latest
			k.e.log.Warn("version held", "key", k.Name, "version", c.ID, "fingerprint", c.Fingerprint, "stage", key.StageHeld,
				"provider", k.Provider, "held_by", c.Hold, "outcome", v.Outcome, "reason", v.Reason, "which", v.Which, "detail", v.Detail)
		}
	}
	if c := after.Current; c != nil {
		switch was := before.Current; {
		case was == nil || was.Fingerprint != c.Fingerprint:
			k.e.log.Info("version delivered", "key", k.Name, "version", c.ID, "fingerprint", c.Fingerprint, "stage", key.StageCurrent,
				"provider", k.Provider, "outcome", c.Last.Outcome, "reason", c.Last.Reason, "unproved", c.Unproved)
		case unanswered(was) == "" && unanswered(c) != "":
			k.e.log.Warn("version not answered for", "key", k.Name, "version", c.ID, "fingerprint", c.Fingerprint, "stage", key.StageCurrent,
				"provider", k.Provider, "reason", c.Latest.Reason, "detail", c.Latest.Detail)
		case unanswered(was) != "" && unanswered(c) == "":
			k.e.log.Info("version answered for again", "key", k.Name, "version", c.ID, "fingerprint", c.Fingerprint, "stage", key.StageCurrent,
				"provider", k.Provider, "outcome", c.Latest.Outcome, "reason", c.Latest.Reason)
		case was.Rejections == 0 && c.Rejections > 0:
			k.e.log.Warn("version suspect", "key", k.Name, "version", c.ID, "fingerprint", c.Fingerprint, "stage", key.StageCurrent,
				"provider", k.Provider, "outcome", c.Last.Outcome, "reason", c.Last.Reason)
		}
	}
	for i := range after.Older {
		v := &after.Older[i]
		if was := before.Find(v.Fingerprint); v.Retired && was != nil && !was.Retired {
			k.e.log.Info("version retired", "key", k.Name, "version", v.ID, "fingerprint", v.Fingerprint, "stage", key.StageRetired)
		}
	}
}
