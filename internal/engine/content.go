package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
)

// open sees whether the sink can be written, and reads what a run before this one left.
func (s *sinkRun) open(ctx context.Context) {
	record, err := s.e.store.sink(s.Name)
	if err == nil {
		s.writtenAt = record.WrittenAt
		err = s.Sink.Sink.Probe(ctx)
	}
	if err != nil {
		s.failed(err)
	} else {
		s.e.alerts.resolve(s.subject(), key.SinkFailed, "it can be written again")
	}
	content, ours := s.look(ctx)
	s.mu.Lock()
	if ours {
		s.takeFirst(content, record)
	} else {
		s.noteForeign(content)
	}
	has, at := s.has, s.writtenAt
	s.mu.Unlock()
	if record.Intent != nil { // killed before it was noted when
		at = now()
	}
	s.reloads.open(has, at)
}

// takeFirst is take of what a run before this one left. The caller holds mu.
func (s *sinkRun) takeFirst(content sinks.Content, record SinkRecord) {
	s.take(content)
	if maps.Equal(s.has, record.Has) {
		s.e.alerts.resolve(s.subject(), key.Drift, "it has what livekey wrote")
	}
	if s.surplus = s.hasSurplus(); s.surplus {
		s.start()
	}
}

// hasSurplus says whether the sink has a variable of no key that it is to have. The
// caller holds mu.
func (s *sinkRun) hasSurplus() bool {
	wanted := map[string]bool{}
	for _, name := range s.Keys {
		for _, v := range s.e.keys[name].variables {
			wanted[v.name] = true
		}
	}
	for variable := range s.has {
		if !wanted[variable] {
			return true
		}
	}
	return false
}

// sheds says whether what is surplus can go: not before the sink has all that its keys
// can give it, for a variable may be the former name of one. The caller holds mu.
func (s *sinkRun) sheds() bool {
	return s.surplus && !slices.ContainsFunc(s.Keys, func(name key.Name) bool {
		_, has := s.kept[name]
		return !has && s.e.keys[name].hasCurrent()
	})
}

// look reads the sink, and tells whether what is there is livekey's.
func (s *sinkRun) look(ctx context.Context) (content sinks.Content, ours bool) {
	r, ok := s.Sink.Sink.(sinks.Reader)
	if !ok {
		return content, false
	}
	var err error
	secret.Do(func() { content, err = r.Read(ctx) })
	if err != nil {
		s.mu.Lock()
		told := s.err != nil // by the probe
		s.mu.Unlock()
		if !told {
			s.failed(err)
		}
		return content, false
	}
	return content, content.Exists && (content.Marked || Known(s.e.store.Journal, s.e.hasher, s.Name)(content.Values))
}

// take makes what was read the content of the sink: it is probed, watched and kept
// also while every source is down. The caller holds mu.
func (s *sinkRun) take(content sinks.Content) {
	s.has = s.prints(content)
	for _, name := range s.Keys {
		k := s.e.keys[name]
		parts := map[key.Part]secret.Value{}
		for _, v := range k.variables {
			if value, ok := content.Values[v.name]; ok {
				parts[v.part] = value
			}
		}
		if len(parts) < len(distinct(k.variables)) {
			continue
		}
		m := proof.New(s.e.hasher, name, "", parts)
		k.mu.Lock()
		if v := k.state.Find(m.Fingerprint); v != nil {
			m.Version = v.ID
		}
		k.materials.put(m)
		k.mu.Unlock()
		if p, err := proof.Except(proof.Kept, m, key.Verdict{Fingerprint: m.Fingerprint, Reason: key.NotYetAsked}); err == nil {
			s.kept[name] = &entry{proved: p}
		}
	}
}

// noteForeign takes note of the keys under whose variables somebody else's file has
// something: for them the sink is not empty. The caller holds mu.
func (s *sinkRun) noteForeign(content sinks.Content) {
	s.foreign = map[key.Name]bool{}
	if content.Marked {
		return
	}
	for _, name := range s.Keys {
		if _, own := s.kept[name]; own {
			continue
		}
		for _, v := range s.e.keys[name].variables {
			if _, there := content.Values[v.name]; there {
				s.foreign[name] = true
			}
		}
	}
}

func distinct(variables []variable) map[key.Part]bool {
	parts := map[key.Part]bool{}
	for _, v := range variables {
		parts[v.part] = true
	}
	return parts
}

func (s *sinkRun) prints(content sinks.Content) map[string]key.Fingerprint {
	prints := map[string]key.Fingerprint{}
	for variable, v := range content.Values {
		prints[variable] = s.e.hasher.Part(v)
	}
	return prints
}

// hasVersion says whether the sink has exactly this version of a key. One with bytes
// of somebody else is not empty.
func (s *sinkRun) hasVersion(name key.Name, f key.Fingerprint) (has, empty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.kept[name]
	return ok && n.print() == f, !ok && !s.foreign[name]
}

func (k *keyRun) hasCurrent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Current != nil
}

func (k *keyRun) anySinkHas(f key.Fingerprint) bool {
	return slices.ContainsFunc(k.sinks, func(s *sinkRun) bool { has, _ := s.hasVersion(k.Name, f); return has })
}

// lacking says how the sinks of the key fall short of this version.
func (k *keyRun) lacking(f key.Fingerprint) rotation.Lacking {
	how := rotation.LackingNothing
	for _, s := range k.sinks {
		switch has, empty := s.hasVersion(k.Name, f); {
		case empty:
			return rotation.LackingAll
		case !has:
			how = rotation.LackingSome
		}
	}
	return how
}
