package engine

import (
	"context"
	"maps"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
)

// driftTimer sets the drift timer of a sink apart from its retry timer.
type driftTimer struct{ *sinkRun }

// watchDrift looks at the sink now and then: somebody may have changed it by hand.
func (s *sinkRun) watchDrift() {
	s.e.timers.set(driftTimer{s}, now().Add(driftEvery), func() {
		s.e.spawn(func(ctx context.Context) {
			s.checkDrift(ctx)
			s.watchDrift()
		})
	})
}

// checkDrift looks at a sink that nobody writes. The writer looks by itself.
func (s *sinkRun) checkDrift(ctx context.Context) {
	s.mu.Lock()
	free := len(s.wanted) == 0 && s.err == nil && s.shift.begin()
	s.mu.Unlock()
	if !free {
		return
	}
	s.noticeDrift(ctx)
	s.rest()
	s.mu.Lock()
	if len(s.wanted) > 0 { // handed over while this looked
		s.start()
	}
	s.mu.Unlock()
}

// noticeDrift compares the sink with what livekey wrote. A file that is gone is an
// empty sink and filled again; other bytes are told, and replaced only where
// the marker still stands. A value found there goes nowhere. Only who has the
// sink's shift calls it.
func (s *sinkRun) noticeDrift(ctx context.Context) {
	r, ok := s.Sink.Sink.(sinks.Reader)
	s.mu.Lock()
	before := s.has
	s.mu.Unlock()
	if !ok {
		return
	}
	var content sinks.Content
	var err error
	secret.Do(func() { content, err = r.Read(ctx) })
	if ctx.Err() != nil {
		return // livekey stops; that is no fault of the sink
	}
	if err != nil {
		if len(before) > 0 {
			s.failed(err) // else there is nothing to miss, and a write says it
		}
		return
	}
	if len(before) == 0 {
		s.noticeForeign(content)
		return
	}
	found := s.prints(content)
	if maps.Equal(found, before) && content.Exists {
		return
	}
	s.mu.Lock()
	s.has = found
	for _, name := range s.changed(before, found) {
		delete(s.kept, name)
	}
	if content.Exists && content.Marked {
		s.take(content)
	}
	s.noteForeign(content)
	s.mu.Unlock()
	s.drifted(content, before, found)
}

// noticeForeign looks at a sink that livekey never wrote. Where somebody's file is
// gone, there is an empty sink to fill.
func (s *sinkRun) noticeForeign(content sinks.Content) {
	s.mu.Lock()
	before := s.foreign
	s.noteForeign(content)
	left := s.foreign
	s.mu.Unlock()
	for name := range before {
		if !left[name] {
			s.e.keys[name].post(rotation.Lacked{At: now(), How: rotation.LackingAll})
		}
	}
}

func (s *sinkRun) drifted(content sinks.Content, before, found map[string]key.Fingerprint) {
	how := rotation.LackingAll
	if content.Exists {
		how = rotation.LackingSome
		action := "livekey restores it as soon as its keys are proved again"
		if !content.Marked {
			action = "its marker is gone, so the content stays: remove the file to have it written again"
		}
		s.e.alerts.open(s.subject(), "", "", s.affected(), rotation.Open{
			Cause: key.Drift, Severity: key.Warning,
			Summary:  "sink " + s.Name + " was changed by somebody else",
			Evidence: map[string]string{"sink": s.Name, "path": s.Path},
			Actions:  []string{action},
		})
		if !content.Marked {
			return
		}
	}
	for _, name := range s.changed(before, found) {
		s.e.keys[name].post(rotation.Lacked{At: now(), How: how})
	}
}

// changed are the keys of the sink of which some variable is not as it was.
func (s *sinkRun) changed(before, found map[string]key.Fingerprint) []key.Name {
	var names []key.Name
	for _, name := range s.Keys {
		for _, v := range s.e.keys[name].variables {
			if found[v.name] != before[v.name] {
				names = append(names, name)
				break
			}
		}
	}
	return names
}
