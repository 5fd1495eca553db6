package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// far ends: a source, an issuer, sinks and a receiver that the tests steer. They
// speak the contracts, and remember what happened to them.

type fakeSource struct {
	mu      sync.Mutex
	records map[string]string
	number  map[string]int64
	err     error
	reads   int
	changed func(key.Location)
}

func (s *fakeSource) set(path, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[path] = value
	s.number[path]++
	if s.changed != nil {
		s.changed(key.Location{Source: "src", Path: path})
	}
}

func (s *fakeSource) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *fakeSource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeSource) Fetch(_ context.Context, loc key.Location) (sources.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.err != nil {
		return sources.Record{}, s.err
	}
	v, ok := s.records[loc.Path]
	if !ok {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, key.ErrNotFound)
	}
	n := s.number[loc.Path]
	return sources.Record{Data: secret.New([]byte(v)), Version: key.Version(fmt.Sprint(n)), Number: n}, nil
}

func (s *fakeSource) Watch(ctx context.Context, _ []key.Location, changed func(key.Location)) error {
	s.mu.Lock()
	s.changed = func(l key.Location) { go changed(l) }
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

type fakeIssuer struct {
	mu    sync.Mutex
	keys  map[string]key.Verdict // by value; unknown values are invalid
	road  key.Reason             // set: nobody is reached
	asked map[string]int
	delay time.Duration
}

func (i *fakeIssuer) is(value string, o key.Outcome, r key.Reason, org string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	v := key.Verdict{Outcome: o, Reason: r}
	if org != "" {
		v.Identity = key.Identity{"organization": org}
	}
	i.keys[value] = v
}

func (i *fakeIssuer) blocked(road key.Reason) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.road = road
}

func (i *fakeIssuer) count(value string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[value]
}

func (i *fakeIssuer) Check(ctx context.Context, m proof.Material) key.Verdict {
	value := string(m.Parts[key.DefaultPart].Reveal())
	i.mu.Lock()
	i.asked[value]++
	v, ok := i.keys[value]
	road, delay := i.road, i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return key.Verdict{Reason: key.Transient, Fingerprint: m.Fingerprint}
	}
	switch {
	case road != "":
		v = key.Verdict{Reason: road}
	case !ok:
		v = key.Verdict{Outcome: key.Dead, Reason: key.Invalid, HTTPStatus: 401}
	}
	v.Fingerprint = m.Fingerprint
	return v
}

func (i *fakeIssuer) Control(context.Context) key.Verdict {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.road != "" {
		return key.Verdict{Reason: i.road}
	}
	return key.Verdict{Outcome: key.Dead, Reason: key.Invalid}
}

type fakeSink struct {
	mu      sync.Mutex
	content map[string]string
	marked  bool
	err     error
	writes  int
	reasons map[string]key.Reason // unproved, by variable
}

func (s *fakeSink) Probe(context.Context) error { return nil }

func (s *fakeSink) Write(_ context.Context, entries []sinks.Entry) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false, s.err
	}
	next := map[string]string{}
	s.reasons = map[string]key.Reason{}
	for _, e := range entries {
		next[e.Variable] = string(e.From.Material().Parts[e.Part].Reveal())
		if r := e.From.Unproved(); r != "" {
			s.reasons[e.Variable] = r
		}
	}
	if s.content != nil && s.marked && maps.Equal(s.content, next) {
		return false, nil
	}
	s.content, s.marked = next, true
	s.writes++
	return true, nil
}

func (s *fakeSink) Read(context.Context) (sinks.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := sinks.Content{Exists: s.content != nil, Marked: s.marked, Values: map[string]secret.Value{}}
	for k, v := range s.content {
		c.Values[k] = secret.New([]byte(v))
	}
	return c, nil
}

func (s *fakeSink) get(variable string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content[variable]
}

func (s *fakeSink) set(content map[string]string, marked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content, s.marked = content, marked
}

func (s *fakeSink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

type fakeChannel struct {
	mu   sync.Mutex
	got  []alerts.Alert
	err  error
	seen int
}

func (c *fakeChannel) Send(_ context.Context, a alerts.Alert) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	if c.err != nil {
		return c.err
	}
	c.got = append(c.got, a)
	return nil
}

func (c *fakeChannel) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// story is what the receiver was told, in short: "opened key_dead".
func (c *fakeChannel) story() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s []string
	for _, a := range c.got {
		s = append(s, string(a.Type)[len("livekey.alert."):]+" "+string(a.Data.Cause))
	}
	return s
}

// world is one livekey and its far ends. Its state_dir and sinks outlive a restart.
type world struct {
	t       *testing.T
	dir     string
	source  *fakeSource
	issuer  *fakeIssuer
	sinks   map[string]*fakeSink
	channel *fakeChannel
	policy  func(*rotation.Policy)
	keys    []string
	setup   func(*Options)

	e    *Engine
	o    Options // of e
	stop func()
}

func newWorld(t *testing.T, keys ...string) *world {
	w := &world{
		t: t, dir: t.TempDir(), keys: keys,
		source:  &fakeSource{records: map[string]string{}, number: map[string]int64{}},
		issuer:  &fakeIssuer{keys: map[string]key.Verdict{}, asked: map[string]int{}},
		sinks:   map[string]*fakeSink{"app": {}},
		channel: &fakeChannel{},
	}
	return w
}

func (w *world) options() (Options, *journal.Journal) {
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(w.dir, log)
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{
		Log: log, Sources: map[string]sources.Source{"src": w.source}, Prober: validator.NewProber(),
		Hasher: secret.NewHasher(secret.New([]byte("salt"))), Journal: j, StartupWait: 30 * time.Second,
		Channels: map[string]alerts.Channel{"ops": w.channel}, LogChannel: &fakeChannel{},
	}
	for _, name := range w.keys {
		p := rotation.Policy{
			Key: key.Name(name), Provider: "issuer", From: "src://" + name, Probe: 10 * time.Minute,
			ConfirmTimes: 3, ConfirmOver: 90 * time.Second, Grace: 24 * time.Hour,
			Rollback: rotation.RollbackConfirmed, WatchPrevious: true, Pin: []string{"organization"},
		}
		if w.policy != nil {
			w.policy(&p)
		}
		loc := key.Location{Source: "src", Path: name}
		o.Keys = append(o.Keys, Key{
			Name: key.Name(name), Provider: "issuer", From: map[key.Part]key.Ref{key.DefaultPart: {Location: loc}},
			Env: map[string]key.Part{name: key.DefaultPart}, Checker: w.issuer, Host: "issuer.example", Policy: p, Budget: 500,
			Open: func(r map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
				if b := r[loc].Data.Reveal(); bytes.HasSuffix(b, []byte("\n")) {
					return nil, &key.Verdict{Outcome: key.Dead, Reason: key.Malformed, Which: "trailing_newline"}
				}
				return map[key.Part]secret.Value{key.DefaultPart: r[loc].Data}, nil
			},
		})
	}
	for _, name := range slices.Sorted(maps.Keys(w.sinks)) {
		s := Sink{Name: name, Path: "/sinks/" + name, Sink: w.sinks[name]}
		for _, k := range w.keys {
			s.Keys = append(s.Keys, key.Name(k))
		}
		o.Sinks = append(o.Sinks, s)
	}
	if w.setup != nil {
		w.setup(&o)
	}
	return o, j
}

// start runs livekey until stop, which waits for it.
func (w *world) start() {
	o, j := w.options()
	end := w.run(o)
	w.stop = func() {
		end()
		if err := j.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// run runs an engine until end, which waits for it.
func (w *world) run(o Options) (end func()) {
	e, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.e, w.o = e, o
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run ended with %v", err)
		}
	}
}

// succeed starts livekey and returns what makes it follow itself with other options,
// as a reload does: in the same process, on the same journal.
func (w *world) succeed() (next func(change func(*Options))) {
	o, j := w.options()
	end := w.run(o)
	w.stop = func() {
		end()
		if err := j.Close(); err != nil {
			w.t.Error(err)
		}
	}
	return func(change func(*Options)) {
		end()
		o := w.o
		o.After = w.e
		change(&o)
		end = w.run(o)
	}
}

func (w *world) wantSink(value string) {
	w.t.Helper()
	for name, s := range w.sinks {
		if got := s.get(w.keys[0]); got != value {
			w.t.Fatalf("sink %s has %q, want %q", name, got, value)
		}
	}
}

func (w *world) wantStory(want ...string) {
	w.t.Helper()
	if got := w.channel.story(); !slices.Equal(got, want) {
		w.t.Fatalf("told %q, want %q", got, want)
	}
}

var errBoom = errors.New("boom")
