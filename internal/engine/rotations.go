package engine

import (
	"cmp"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
)

// Rotations is the evidence of every rotation of a key, or of all keys if the name is
// empty, newest first. Those of a key that the config has no more are kept too.
func (e *Engine) Rotations(name key.Name) (report.Rotations, error) {
	told := report.Rotations{Rotations: []report.Rotation{}}
	all, err := e.store.rotations()
	if err != nil {
		return told, err
	}
	for _, r := range all {
		if name == "" || r.Key == name {
			told.Rotations = append(told.Rotations, e.describeRotation(r))
		}
	}
	if _, configured := e.keys[name]; name != "" && !configured && len(told.Rotations) == 0 {
		return told, e.noSuch(name, "the config has no such key, and the journal no rotation of one")
	}
	slices.SortStableFunc(told.Rotations, func(a, b report.Rotation) int {
		return cmp.Or(b.BeganAt.Compare(a.BeganAt), cmp.Compare(a.Key, b.Key), cmp.Compare(b.Number, a.Number))
	})
	return told, nil
}

func (e *Engine) describeRotation(r trail.Rotation) report.Rotation {
	state, ended := r.State()
	told := report.Rotation{
		Key: r.Key, Number: r.Number, State: state, BeganAt: r.Began, EndedAt: ended,
		From: shown(r.From), To: shown(r.To), Steps: slices.Clone(r.Steps),
	}
	if k := e.keys[r.Key]; k != nil {
		told.Scope = k.Consumers
	}
	slices.SortStableFunc(told.Steps, func(a, b trail.Step) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Where, b.Where))
	})
	return told
}

func shown(v trail.Version) report.Version {
	return report.Version{Version: v.Version, Fingerprint: v.Fingerprint.String()}
}
