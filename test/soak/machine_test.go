package soak

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// The policy of every key here: what a config has that says nothing.
const (
	refresh     = 30 * time.Second
	probe       = 10 * time.Minute
	confirmOver = 90 * time.Second
	startupWait = 30 * time.Second
)

// machine is one host that runs livekey, and its far ends. Its journal and its sink
// outlive a restart.
type machine struct {
	t       *testing.T
	name    string
	dir     string
	keys    []string
	refresh time.Duration

	records *source
	source  sources.Source // records, or a way to them
	issuer  validator.Checker
	sink    *sink
	channel *channel

	engine *engine.Engine
	stop   func() // ends livekey and waits for it
}

// newMachine has the keys named, each with a value of its own, and an issuer that calls
// everything live.
func newMachine(t *testing.T, keys ...string) *machine {
	t.Helper()
	m := &machine{
		t: t, name: "host", dir: t.TempDir(), keys: keys, refresh: refresh,
		records: newSource(), issuer: &issuer{}, sink: newSink(), channel: &channel{},
	}
	m.source = m.records
	for _, name := range keys {
		m.records.set(name, generation(name, 0))
	}
	return m
}

// generation is the value of a key after n rotations: all of one length, so that heaps
// can be compared.
func generation(name string, n int) string { return fmt.Sprintf("%s-%08d", name, n) }

// start runs livekey, as a process would that finds the journal of the one before it.
func (m *machine) start() {
	m.t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(m.dir, log)
	if err != nil {
		m.t.Fatal(err)
	}
	o := engine.Options{
		Log: log, Sources: map[string]sources.Source{"src": m.source}, Prober: validator.NewProber(),
		Hasher: secret.NewHasher(secret.New([]byte("salt"))), Journal: j, StartupWait: startupWait,
		Channels: map[string]alerts.Channel{"ops": m.channel}, LogChannel: &channel{}, Machine: m.name,
	}
	app := engine.Sink{Name: "app", Path: "/sinks/app", Sink: m.sink}
	for _, name := range m.keys {
		o.Keys = append(o.Keys, m.key(name))
		app.Keys = append(app.Keys, key.Name(name))
	}
	o.Sinks = []engine.Sink{app}
	if m.engine, err = engine.New(o); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.engine.Run(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			m.t.Error(err)
		}
		if err := j.Close(); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *machine) key(name string) engine.Key {
	loc := key.Location{Source: "src", Path: name}
	return engine.Key{
		Name: key.Name(name), Provider: "issuer", From: map[key.Part]key.Ref{key.DefaultPart: {Location: loc}},
		Env: map[string]key.Part{name: key.DefaultPart}, Checker: m.issuer, Host: "issuer.example", Budget: 500, Refresh: m.refresh,
		Policy: rotation.Policy{
			Key: key.Name(name), Provider: "issuer", From: loc.String(), Probe: probe, ConfirmTimes: 3, ConfirmOver: confirmOver,
			Grace: 24 * time.Hour, Rollback: rotation.RollbackConfirmed, WatchPrevious: true, Phase: schedule.Phase(m.name, name),
		},
		Open: func(r map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
			return map[key.Part]secret.Value{key.DefaultPart: r[loc].Data}, nil
		},
	}
}

// holds fails unless the sink has this generation of every key.
func (m *machine) holds(n int) {
	m.t.Helper()
	for _, name := range m.keys {
		if got := m.sink.get(name); got != generation(name, n) {
			m.t.Fatalf("%s is %q in the sink, want generation %d", name, got, n)
		}
	}
}

// rotate makes generation n what the source has of every key.
func (m *machine) rotate(n int) {
	for _, name := range m.keys {
		m.records.set(name, generation(name, n))
	}
}

// opened fails unless each cause, and no other, was told, and how often.
func (m *machine) opened(want map[key.Cause]int) {
	m.t.Helper()
	told := m.channel.all()
	for cause, n := range want {
		if told[cause] != n {
			m.t.Errorf("%s was told %d times, want %d", cause, told[cause], n)
		}
		delete(told, cause)
	}
	for cause, n := range told {
		m.t.Errorf("%s was told %d times, and there was no reason", cause, n)
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
