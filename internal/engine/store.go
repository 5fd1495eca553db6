package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
)

// Kinds of records that the engine keeps in the journal.
const (
	kindKey    journal.Kind = "key"    // rotation.State by key name
	kindSink   journal.Kind = "sink"   // SinkRecord by sink name
	kindAlert  journal.Kind = "alert"  // alerts.Data of what is open, by subject and cause
	kindOutbox journal.Kind = "outbox" // alerts.Alert that a channel has not taken, by channel and number
	// approval by key name and fingerprint: who overruled what, and why.
	kindApproval journal.Kind = "approval"
)

// SinkRecord is what the journal knows of a sink: what livekey wrote, and what
// it was about to write. Variables map to the fingerprints of their parts.
type SinkRecord struct {
	Path      string                     `json:"path"`
	Has       map[string]key.Fingerprint `json:"has,omitempty"`
	Intent    map[string]key.Fingerprint `json:"intent,omitempty"`
	WrittenAt time.Time                  `json:"written_at,omitzero"`
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

// adopt makes the journal one of this salt. Under a new salt the fingerprints of
// before mean nothing; owners, version numbers and pauses stay.
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
		states[id] = rotation.State{Identity: old.Identity, Highest: old.Highest, Paused: old.Paused, Missing: old.Missing}
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
		if err := s.Put(kindSink, id, SinkRecord{Path: r.Path, WrittenAt: r.WrittenAt}); err != nil {
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

// Sinks are the sinks that the journal knows, by name: also those that the config
// names no more.
func Sinks(j *journal.Journal) (map[string]SinkRecord, error) {
	all := map[string]SinkRecord{}
	err := j.Each(kindSink, func(id string, raw json.RawMessage) error {
		var r SinkRecord
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the journal of sink %s: %w", id, err)
		}
		all[id] = r
		return nil
	})
	return all, err
}

// Forget removes a sink from the journal.
func Forget(j *journal.Journal, sink string) error { return j.Delete(kindSink, sink) }

func (s store) openAlerts() (map[string]alerts.Data, error) {
	open := map[string]alerts.Data{}
	err := s.Each(kindAlert, func(id string, raw json.RawMessage) error {
		var d alerts.Data
		if err := json.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("read the journal of alert %s: %w", id, err)
		}
		open[id] = d
		return nil
	})
	return open, err
}
