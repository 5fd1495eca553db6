package soak

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
)

// source is polled: it tells nobody of a change.
type source struct {
	reads atomic.Int64
	mu    sync.Mutex
	err   error
	now   map[string]string
	count map[string]int64
}

func newSource() *source { return &source{now: map[string]string{}, count: map[string]int64{}} }

func (s *source) set(path, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now[path] = value
	s.count[path]++
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) Fetch(_ context.Context, loc key.Location) (sources.Record, error) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, s.err)
	}
	n := s.count[loc.Path]
	return sources.Record{Data: secret.New([]byte(s.now[loc.Path])), Version: key.Version(fmt.Sprint(n)), Number: n}, nil
}

// issuer calls every key live, unless it is silent.
type issuer struct {
	asked  atomic.Int64
	silent atomic.Bool
}

func (i *issuer) Check(_ context.Context, m proof.Material) key.Verdict {
	i.asked.Add(1)
	if i.silent.Load() {
		return key.Verdict{Reason: key.Transient, Fingerprint: m.Fingerprint}
	}
	return key.Verdict{Outcome: key.Live, Reason: key.Valid, Fingerprint: m.Fingerprint}
}

// sink is memory.
type sink struct {
	writes  atomic.Int64
	mu      sync.Mutex
	content map[string]string
}

func newSink() *sink { return &sink{content: map[string]string{}} }

func (s *sink) Probe(context.Context) error { return nil }

func (s *sink) Write(_ context.Context, entries []sinks.Entry) (changed bool, err error) {
	next := map[string]string{}
	for _, e := range entries {
		next[e.Variable] = string(e.From.Material().Parts[e.Part].Reveal())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if maps.Equal(next, s.content) {
		return false, nil
	}
	s.content = next
	s.writes.Add(1)
	return true, nil
}

func (s *sink) Read(context.Context) (sinks.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := sinks.Content{Exists: len(s.content) > 0, Marked: len(s.content) > 0, Values: map[string]secret.Value{}}
	for variable, value := range s.content {
		c.Values[variable] = secret.New([]byte(value))
	}
	return c, nil
}

func (s *sink) get(variable string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content[variable]
}

// channel counts what was told.
type channel struct {
	mu   sync.Mutex
	err  error
	told map[key.Cause]int
	open int
}

func (c *channel) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *channel) Send(_ context.Context, a alerts.Alert) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.told == nil {
		c.told = map[key.Cause]int{}
	}
	switch a.Type {
	case alerts.Opened:
		c.told[a.Data.Cause]++
		c.open++
	case alerts.Resolved:
		c.open--
	case alerts.Updated:
	}
	return nil
}

func (c *channel) opened(cause key.Cause) int { return c.all()[cause] }

// all is how often each cause was told.
func (c *channel) all() map[key.Cause]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := maps.Clone(c.told)
	if told == nil {
		told = map[key.Cause]int{}
	}
	return told
}

// unresolved is how many alerts are open.
func (c *channel) unresolved() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}
