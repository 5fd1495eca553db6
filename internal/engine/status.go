package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// Status is what livekey knows now.
func (e *Engine) Status() report.Status {
	missing, _ := e.Ready(nil)
	s := report.Status{Epoch: e.hasher.Epoch(), Ready: len(missing) == 0, Keys: []report.Key{}, Alerts: e.alerts.all(), Channels: e.alerts.outboxes()}
	scan, looked := e.scan()
	seen := e.assign(scan)
	for _, name := range slices.Sorted(maps.Keys(e.keys)) {
		k := e.keys[name].report()
		if looked {
			k.Holders = count(seen[name], scan.At)
			k.Holders.Unseen = len(scan.Unreadable())
		}
		s.Keys = append(s.Keys, k)
	}
	return s
}

func (k *keyRun) report() report.Key {
	k.mu.Lock()
	state := k.state
	failing := slices.Collect(maps.Values(k.failing))
	k.mu.Unlock()
	r := describe(k.Name, k.Provider, state)
	r.Optional = k.Optional
	r.Adoption = k.e.adoptions(k.Name)
	r.UnreadLogs = k.unreadableLogs()
	if len(failing) > 0 {
		slices.Sort(failing)
		r.SourceError = failing[0]
	}
	for _, s := range k.sinks {
		r.Sinks = append(r.Sinks, s.report(k.Name))
	}
	return r
}

// Remembered is the status that a journal alone can tell, of a livekey that does
// not run. Who proves a key, and who may miss it, the config knows.
func Remembered(j *journal.Journal) (report.Status, error) {
	s := report.Status{Keys: []report.Key{}}
	err := j.Each(kindKey, func(id string, raw json.RawMessage) error {
		var state rotation.State
		if err := json.Unmarshal(raw, &state); err != nil {
			return fmt.Errorf("read the journal of key %s: %w", id, err)
		}
		r := describe(key.Name(id), "", state)
		all, err := store{j}.adoptions(r.Name)
		if err != nil {
			return err
		}
		r.Adoption = describeAdoptions(all, state)
		s.Keys = append(s.Keys, r)
		return nil
	})
	if err != nil {
		return s, err
	}
	open, err := store{j}.openAlerts()
	if err != nil {
		return s, err
	}
	all := map[string]alerts.Data{}
	for id, a := range open {
		all[id] = a.Data
	}
	s.Alerts = oldestFirst(all)
	return s, nil
}

// describe is what its state tells of a key.
func describe(name key.Name, provider string, state rotation.State) report.Key {
	r := report.Key{Name: name, Provider: provider, Missing: state.Missing, PausedUntil: state.Paused, PauseReason: state.PauseReason}
	if c := state.Current; c != nil {
		v := lastWord(c)
		r.Current = &report.Current{
			Version: c.ID, Fingerprint: c.Fingerprint.String(), Outcome: v.Outcome, Reason: v.Reason, Which: v.Which,
			Unproved: c.Unproved, Suspect: state.Suspect(), CheckedAt: v.CheckedAt, DeliveredAt: c.Delivered,
			Identity: c.Listed.Add(v.Identity), ExpiresAt: c.End(), Limits: v.Limits, Unanswered: unanswered(c),
		}
		r.NextProbeAt = c.Due
	}
	if c := candidate(&state); c != nil {
		v := c.Latest
		if v.CheckedAt.IsZero() {
			v = c.Last
		}
		r.Candidate = &report.Candidate{
			Version: c.ID, Fingerprint: c.Fingerprint.String(), Outcome: v.Outcome, Reason: v.Reason, Which: v.Which,
			Detail: v.Detail, ExpiresAt: c.End(), HeldBy: string(c.Hold), Since: c.Seen,
		}
		if c == state.Delivering {
			r.Candidate.HeldBy = "sink" // proved, and no sink could be written yet
		}
	}
	for _, v := range state.Older {
		last := lastWord(&v)
		r.Older = append(r.Older, report.Older{
			Version: v.ID, Fingerprint: v.Fingerprint.String(), Outcome: last.Outcome, CheckedAt: last.CheckedAt,
			Unwatched: v.Unwatched,
		})
	}
	return r
}

// unanswered is why the last question had no answer, empty if it had one.
func unanswered(v *rotation.Version) key.Reason {
	if v.Latest.Outcome != key.Unknown || v.Latest.Reason == key.NoProvider || v.Latest.CheckedAt.IsZero() {
		return ""
	}
	return v.Latest.Reason
}

// lastWord is what is known of a version: unknown never replaces a verdict that is known.
func lastWord(v *rotation.Version) key.Verdict {
	if v.Last.CheckedAt.IsZero() && v.Last.Outcome == key.Unknown {
		return v.Latest
	}
	return v.Last
}

func candidate(s *rotation.State) *rotation.Version {
	if s.Candidate != nil {
		return s.Candidate
	}
	return s.Delivering
}

func (s *sinkRun) report(name key.Name) report.Sink {
	owes, why := s.reloads.trouble()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := report.Sink{Name: s.Name, Path: s.Path, WrittenAt: s.writtenAt, ReloadOwed: owes, Error: why}
	if n, ok := s.kept[name]; ok {
		r.Fingerprint = n.print().String()
	}
	if s.err != nil {
		r.Error, r.Unwritten = s.err.Error(), true
	}
	return r
}

// Ready says whether every required key of the named sinks is delivered; no name
// means every key. What is missing is said in a line each.
func (e *Engine) Ready(names []string) (missing []string, err error) {
	wanted := map[*keyRun]bool{}
	for _, name := range names {
		s := e.sinks[name]
		if s == nil {
			return nil, fmt.Errorf("sink %s: %w: the config has no such sink", name, key.ErrNotFound)
		}
		for _, k := range s.Keys {
			wanted[e.keys[k]] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.keys)) {
		k := e.keys[name]
		if k.Optional || len(names) > 0 && !wanted[k] {
			continue
		}
		if why := k.undelivered(names); why != "" {
			missing = append(missing, fmt.Sprintf("%s: %s", name, why))
		}
	}
	return missing, nil
}

// undelivered says what a key still waits for, empty if every sink has it.
func (k *keyRun) undelivered(only []string) string {
	k.mu.Lock()
	state := k.state
	failing := len(k.failing) > 0
	k.mu.Unlock()
	for _, s := range k.sinks {
		if len(only) > 0 && !slices.Contains(only, s.Name) {
			continue
		}
		s.mu.Lock()
		_, has := s.kept[k.Name]
		err := s.err
		s.mu.Unlock()
		if !has && err != nil {
			return "sink " + s.Name + ": " + err.Error()
		}
		if !has && state.Current != nil {
			return "sink " + s.Name + " does not have it yet"
		}
	}
	switch c := candidate(&state); {
	case state.Current != nil:
		return ""
	case c != nil && c.Hold == rotation.HoldNone:
		return "being proved"
	case c != nil && c.Hold == rotation.HoldDelivering:
		return "being written"
	case c != nil:
		return fmt.Sprintf("version %s is held: %s (%s)", c.ID, c.Hold, c.Latest.Reason)
	case state.Missing:
		return "its source has no such record"
	case failing:
		return "its source cannot be read"
	default:
		return "not read yet"
	}
}
