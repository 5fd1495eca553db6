package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/sources"
)

const (
	notesEvery = 2 * time.Second  // how often it is looked whether a verdict has changed
	notesAgain = 10 * time.Minute // after which a note is looked at that may have been wiped out, or could not be left
	noteLimit  = 5 * time.Second
)

// noted is a record on which a note is kept, and the keys in it by their fields.
type noted struct {
	loc  key.Location
	keep sources.Noter
	keys map[string]key.Name
}

// noted are the records of this plan that have notes.
func (p *plan) noted() []noted {
	all := map[key.Location]noted{}
	for name, k := range p.cfg.Keys {
		for _, ref := range k.From {
			keep, ok := p.sources[ref.Source].(sources.Noter)
			if !ok || !keep.Notes() {
				continue
			}
			n, known := all[ref.Location]
			if !known {
				n = noted{ref.Location, keep, map[string]key.Name{}}
				all[ref.Location] = n
			}
			n.keys[cmp.Or(ref.Field, "*")] = name
		}
	}
	return slices.Collect(maps.Values(all))
}

// note is what is kept on a record. It has no value, and no time that moves by itself.
type note struct {
	Gates bool              `json:"gates"`
	Note  string            `json:"note,omitempty"`
	Keys  map[string]judged `json:"keys"` // by field
}

// looksOnly is said where nothing but the record itself is what its consumers get.
const looksOnly = "livekey looks at these keys and does not gate them: what is in this Secret reaches its consumers, whatever is said here"

// judged is what is known of what a field has now.
type judged struct {
	Key       key.Name  `json:"key"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	CheckedAt time.Time `json:"checked_at,omitzero"` // when this was first found
}

// noteOf is what is to be kept of a record.
func noteOf(n noted, status report.Status) note {
	all := note{Gates: true, Keys: map[string]judged{}}
	known := map[key.Name]*report.Key{}
	for i := range status.Keys {
		known[status.Keys[i].Name] = &status.Keys[i]
	}
	for field, name := range n.keys {
		k := known[name]
		if k == nil {
			continue
		}
		j := judged{Key: name, Outcome: key.Unknown.String(), Reason: string(key.NotYetAsked)}
		switch {
		case k.Candidate != nil: // what the record has now, and no sink does
			j.Outcome, j.Reason = k.Candidate.Outcome.String(), string(k.Candidate.Reason)
		case k.Current != nil:
			j.Outcome, j.Reason, j.CheckedAt = k.Current.Outcome.String(), string(k.Current.Reason), k.Current.CheckedAt
		}
		all.Keys[field] = j
		all.Gates = all.Gates && len(k.Sinks) > 0
	}
	if !all.Gates {
		all.Note = looksOnly
	}
	return all
}

// text is the note, with the times of before where it says the same.
func (n note) text(before string, now time.Time) string {
	var was note
	_ = json.Unmarshal([]byte(before), &was) // what is none says nothing
	keys := map[string]judged{}
	for field, j := range n.Keys {
		old := was.Keys[field]
		if old.Outcome == j.Outcome && old.Reason == j.Reason && old.Key == j.Key {
			j.CheckedAt = old.CheckedAt
		} else if j.CheckedAt.IsZero() {
			j.CheckedAt = now
		}
		j.CheckedAt = j.CheckedAt.UTC().Truncate(time.Second)
		keys[field] = j
	}
	n.Keys = keys
	text, err := json.Marshal(n)
	if err != nil {
		return before
	}
	return string(text)
}

// said is a note without its times: by it two are compared.
func (n note) said() string {
	bare := n
	bare.Keys = map[string]judged{}
	for field, j := range n.Keys {
		j.CheckedAt = time.Time{}
		bare.Keys[field] = j
	}
	text, _ := json.Marshal(bare)
	return string(text)
}

// notes keeps notes on records until ctx ends, of this livekey's own work alone.
func (s *service) notes(ctx context.Context) {
	kept := map[key.Location]struct {
		said string
		at   time.Time
	}{}
	tick := time.NewTicker(notesEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := s.now.Load()
		if len(now.noted) == 0 || s.standby.Load() {
			clear(kept)
			continue
		}
		status := now.Status()
		for _, n := range now.noted {
			wanted := noteOf(n, status)
			was := kept[n.loc]
			if was.said == wanted.said() && time.Since(was.at) < notesAgain || s.standby.Load() {
				continue
			}
			was.said, was.at = wanted.said(), time.Now()
			kept[n.loc] = was
			limited, cancel := context.WithTimeout(ctx, noteLimit)
			err := n.keep.Note(limited, n.loc, func(before string) string { return wanted.text(before, time.Now()) })
			cancel()
			if err != nil && ctx.Err() == nil {
				now.log.WarnContext(ctx, "note not kept, tried again later", "source", n.loc.Source, "err", err)
			}
		}
	}
}
