package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trail"
)

// rotationID names the record of the rotation in which the version came.
func rotationID(name key.Name, to key.Fingerprint) string { return string(name) + "/" + string(to) }

// begin opens the record of a rotation: from has been delivered, to takes its place.
func (e *Engine) begin(name key.Name, from, to trail.Version) {
	id := rotationID(name, to.Fingerprint)
	e.keep(e.store.Put(kindRotation, id, trail.Rotation{Key: name, From: from, To: to}))
}

// witness adds a step to the rotation in which the version to came. The first version
// of a key has no predecessor, and so no record: then nothing is kept.
func (e *Engine) witness(name key.Name, to key.Fingerprint, s trail.Step) {
	id := rotationID(name, to)
	var r trail.Rotation
	known, err := e.store.Get(kindRotation, id, &r)
	if err != nil || !known {
		e.keep(err)
		return
	}
	if s.At.IsZero() {
		s.At = now()
	}
	r.Steps = append(r.Steps, s)
	e.keep(e.store.Put(kindRotation, id, r))
}
