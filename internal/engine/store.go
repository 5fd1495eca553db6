package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
)

// Kinds of records that the engine keeps in the journal. What is said of a key stays when
// the config has it no more: it may come back, and the trail is evidence. What is owed to
// consumers does not. Under a new salt, adopt says what is left.
const (
	kindKey        journal.Kind = "key"        // rotation.State by key name
	kindSink       journal.Kind = "sink"       // SinkRecord by sink name, until its leftovers are cleaned up
	kindAlert      journal.Kind = "alert"      // openAlert by subject and cause
	kindOutbox     journal.Kind = "outbox"     // alerts.Alert that a channel has not taken, by channel and number
	kindApproval   journal.Kind = "approval"   // approval by key name and fingerprint: who overruled what, and why
	kindReload     journal.Kind = "reload"     // owed by sink name, while its consumers have to be told
	kindRotation   journal.Kind = "rotation"   // trail.Rotation by key name and number: the last trail.MaxRotations
	kindAdoption   journal.Kind = "adoption"   // adoptions by key name: of maxAdoptions consumers
	kindRevocation journal.Kind = "revocation" // revocations by key name: of the versions that it still has
)

// SinkRecord is what the journal knows of a sink: what livekey wrote, and what
// it was about to write. Variables map to the fingerprints of their parts.
type SinkRecord struct {
	Path      string                     `json:"path"`
	Former    []string                   `json:"former,omitempty"` // where it was before the config moved it
	Has       map[string]key.Fingerprint `json:"has,omitempty"`
	Intent    map[string]key.Fingerprint `json:"intent,omitempty"`
	WrittenAt time.Time                  `json:"written_at,omitzero"`
}

// moveTo makes path the place of the sink. Where it was before is not forgotten:
// keys lie there until somebody cleans up.
func (r *SinkRecord) moveTo(path string) {
	if r.Path != "" && r.Path != path && !slices.Contains(r.Former, r.Path) {
		r.Former = append(slices.Clone(r.Former), r.Path)
	}
	r.Path = path
	r.Former = slices.DeleteFunc(slices.Clone(r.Former), func(old string) bool { return old == path })
}

// approval is the record of a person who overruled a hold.
type approval struct {
	admin.Approval
	Version key.Version   `json:"version"`
	Hold    rotation.Hold `json:"hold"`
	At      time.Time     `json:"at"`
}

// store gives the journal's records their types.
type store struct{ *journal.Journal }

func (s store) key(name key.Name) (rotation.State, error) {
	var state rotation.State
	if _, err := s.Get(kindKey, string(name), &state); err != nil {
		return state, fmt.Errorf("read the journal of key %s: %w", name, err)
	}
	return state, nil
}

func (s store) sink(name string) (SinkRecord, error) {
	var r SinkRecord
	if _, err := s.Get(kindSink, name, &r); err != nil {
		return r, fmt.Errorf("read the journal of sink %s: %w", name, err)
	}
	return r, nil
}

// adoptions are never nil.
func (s store) adoptions(name key.Name) (adoptions, error) {
	all := adoptions{}
	if _, err := s.Get(kindAdoption, string(name), &all); err != nil {
		return nil, fmt.Errorf("read the journal of key %s: %w", name, err)
	}
	return all, nil
}

// adopt makes the journal one of this salt. Under a new salt the fingerprints of before
// mean nothing: what is said of a version by its own goes. Owners, version numbers and
// pauses stay; so do rotations and approvals, which are read by people, and a reload that
// is owed, by which consumers are told once more rather than once too little.
func (s store) adopt(epoch string) error {
	changed, err := s.SetEpoch(epoch)
	if err != nil || !changed {
		return err
	}
	var names, sinks []string
	states := map[string]rotation.State{}
	err = s.Each(kindKey, func(id string, raw json.RawMessage) error {
		var old rotation.State
		if err := json.Unmarshal(raw, &old); err != nil {
			return fmt.Errorf("read the journal of key %s: %w", id, err)
		}
		names = append(names, id)
		states[id] = rotation.State{Identity: old.Identity, Highest: old.Highest, Paused: old.Paused, PauseReason: old.PauseReason, Missing: old.Missing}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.Each(kindSink, func(id string, _ json.RawMessage) error {
		sinks = append(sinks, id)
		return nil
	}); err != nil {
		return err
	}
	for _, id := range names {
		if err := s.Put(kindKey, id, states[id]); err != nil {
			return err
		}
	}
	for _, id := range sinks {
		r, err := s.sink(id)
		if err != nil {
			return err
		}
		if err := s.Put(kindSink, id, SinkRecord{Path: r.Path, Former: r.Former, WrittenAt: r.WrittenAt}); err != nil {
			return err
		}
	}
	for _, kind := range []journal.Kind{kindAdoption, kindRevocation} {
		if err := s.Each(kind, func(id string, _ json.RawMessage) error { return s.Delete(kind, id) }); err != nil {
			return err
		}
	}
	return s.Sync()
}

// Known tells a sink whether what it found is livekey's own: every value is one
// that the journal says was written there, or was about to be.
func Known(j *journal.Journal, h secret.Hasher, sink string) func(found map[string]secret.Value) bool {
	return func(found map[string]secret.Value) bool {
		r, err := store{j}.sink(sink)
		if err != nil || len(found) == 0 {
			return false
		}
		for variable, v := range found {
			f := h.Part(v)
			if f != r.Has[variable] && f != r.Intent[variable] {
				return false
			}
		}
		return true
	}
}

// Leftovers are the places where livekey wrote and, by this config, writes no more,
// by the name of their sink: every place of a sink that is not configured, and the
// former ones of a sink that is.
func Leftovers(j *journal.Journal, configured func(sink string) bool) (map[string][]string, error) {
	all := map[string][]string{}
	err := j.Each(kindSink, func(id string, raw json.RawMessage) error {
		var r SinkRecord
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the journal of sink %s: %w", id, err)
		}
		places := r.Former
		if !configured(id) {
			places = append(slices.Clone(places), r.Path)
		}
		if len(places) > 0 {
			all[id] = places
		}
		return nil
	})
	return all, err
}

// Cleaned forgets the leftovers of a sink.
func Cleaned(j *journal.Journal, sink string, configured bool) error {
	if !configured {
		return j.Delete(kindSink, sink)
	}
	r, err := store{j}.sink(sink)
	if err != nil {
		return err
	}
	r.Former = nil
	return j.PutSync(kindSink, sink, r)
}

// openAlert is the record of an alert that is open.
type openAlert struct {
	alerts.Data
	Untold alerts.Type `json:"untold,omitempty"` // what no outbox may have yet
}

func (s store) openAlerts() (map[string]openAlert, error) {
	open := map[string]openAlert{}
	err := s.Each(kindAlert, func(id string, raw json.RawMessage) error {
		var a openAlert
		if err := json.Unmarshal(raw, &a); err != nil {
			return fmt.Errorf("read the journal of alert %s: %w", id, err)
		}
		open[id] = a
		return nil
	})
	return open, err
}
