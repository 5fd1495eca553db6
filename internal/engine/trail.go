package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trail"
)

// trails says which records of rotations there are. Nothing is read before the first
// rotation, and no record is kept but in the journal.
type trails struct {
	mu     sync.Mutex
	read   bool
	broken error
	known  map[key.Name][]noted // oldest first
}

// noted is a rotation of which there is a record.
type noted struct {
	number   int
	from, to key.Fingerprint
}

// rotationID names the record of a rotation.
func rotationID(name key.Name, number int) string { return fmt.Sprintf("%s/%d", name, number) }

// of are the rotations of a key that are known. The caller holds mu.
func (t *trails) of(s store, name key.Name) ([]noted, error) {
	if t.read {
		return t.known[name], t.broken
	}
	t.read, t.known = true, map[key.Name][]noted{}
	all, err := s.rotations()
	for _, r := range all {
		t.known[r.Key] = append(t.known[r.Key], noted{r.Number, r.From.Fingerprint, r.To.Fingerprint})
	}
	t.broken = err
	return t.known[name], err
}

// rotations are all records, those of one key by number.
func (s store) rotations() ([]trail.Rotation, error) {
	var all []trail.Rotation
	err := s.Each(kindRotation, func(id string, raw json.RawMessage) error {
		var r trail.Rotation
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the journal of rotation %s: %w", id, err)
		}
		all = append(all, r)
		return nil
	})
	slices.SortStableFunc(all, func(a, b trail.Rotation) int { return a.Number - b.Number })
	return all, err
}

// begin opens the record of a rotation: from was delivered, to takes its place. The oldest
// records of the key make room.
func (e *Engine) begin(name key.Name, from, to trail.Version) {
	e.trails.mu.Lock()
	defer e.trails.mu.Unlock()
	known, err := e.trails.of(e.store, name)
	if err != nil {
		e.keep(err)
		return
	}
	number := 1
	if len(known) > 0 {
		number = known[len(known)-1].number + 1
	}
	r := trail.Rotation{Key: name, Number: number, From: from, To: to, Began: now()}
	e.keep(e.store.Put(kindRotation, rotationID(name, number), r))
	known = append(known, noted{number, from.Fingerprint, to.Fingerprint})
	for len(known) > trail.MaxRotations {
		e.keep(e.store.Delete(kindRotation, rotationID(name, known[0].number)))
		known = known[1:]
	}
	e.trails.known[name] = known
}

// witness adds a step to the rotation in which the version to came last. The first version
// of a key has no predecessor, and so no record: then nothing is kept.
func (e *Engine) witness(name key.Name, to key.Fingerprint, s trail.Step) {
	e.note(name, s, func(n noted) bool { return n.to == to })
}

// witnessOld adds a step to the rotation in which another version took the place of from.
func (e *Engine) witnessOld(name key.Name, from key.Fingerprint, s trail.Step) {
	e.note(name, s, func(n noted) bool { return n.from == from })
}

// note adds a step to the last rotation that is meant.
func (e *Engine) note(name key.Name, s trail.Step, meant func(noted) bool) {
	e.trails.mu.Lock()
	defer e.trails.mu.Unlock()
	known, err := e.trails.of(e.store, name)
	if err != nil {
		e.keep(err)
		return
	}
	for _, n := range slices.Backward(known) {
		if !meant(n) {
			continue
		}
		var r trail.Rotation
		id := rotationID(name, n.number)
		found, err := e.store.Get(kindRotation, id, &r)
		if err != nil || !found {
			e.keep(err)
			return
		}
		if s.At.IsZero() {
			s.At = now()
		}
		if r.Add(s) {
			e.keep(e.store.Put(kindRotation, id, r))
		}
		return
	}
}
