// Package soak has livekey run for long, with far ends that fail, and looks for
// what piles up.
package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// days is three in a plain go test, where the third is compared with the second;
// `make soak` plays a month.
var days = flag.Int("days", 3, "days to simulate")

const (
	monthKeys = 10

	heapGrowth = 1 << 20 // bytes, from the second day to the last
)

// Days pass in seconds: every key is rotated each day, far ends fail
// again and again, and nothing is left over: no goroutine, no descriptor, no memory.
func TestDaysLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newMonth(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- world.engine.Run(ctx) }()
		world.pass(time.Minute)

		var early usage
		for day := range *days {
			world.day(day)
			if day == 1 {
				early = look(t)
			}
		}
		late := look(t)
		t.Logf("%d days: %d probes, %d reads, %d sink writes; %v, then %v", *days, world.issuer.asked.Load(), world.source.reads.Load(), world.sink.writes.Load(), early, late)
		if late.goroutines != early.goroutines || late.descriptors != early.descriptors {
			t.Errorf("usage went from %v to %v", early, late)
		}
		if grown := int64(late.heap) - int64(early.heap); grown > heapGrowth {
			t.Errorf("the heap grew by %d bytes, allowed are %d", grown, heapGrowth)
		}
		if n := world.sink.writes.Load(); n < int64(*days*monthKeys) {
			t.Errorf("%d writes for %d rotations", n, *days*monthKeys)
		}
		for _, cause := range []key.Cause{key.KeyDead, key.CandidateRejected} {
			if n := world.channel.opened(cause); n != 0 {
				t.Errorf("%s was told %d times, and every key lived", cause, n)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// month is an engine and its far ends.
type month struct {
	t       *testing.T
	engine  *engine.Engine
	source  *source
	issuer  *issuer
	sink    *sink
	channel *channel
}

func newMonth(t *testing.T) *month {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	m := &month{t: t, source: newSource(), issuer: &issuer{}, sink: newSink(), channel: &channel{}}
	o := engine.Options{
		Log: log, Sources: map[string]sources.Source{"src": m.source}, Prober: validator.NewProber(),
		Hasher: secret.NewHasher(secret.New([]byte("salt"))), Journal: j, StartupWait: 30 * time.Second,
		Channels: map[string]alerts.Channel{"ops": m.channel}, LogChannel: &channel{},
	}
	var names []key.Name
	for i := range monthKeys {
		name := key.Name(fmt.Sprintf("KEY_%d", i))
		names = append(names, name)
		loc := key.Location{Source: "src", Path: string(name)}
		m.source.set(loc.Path, m.value(loc.Path, 0))
		o.Keys = append(o.Keys, engine.Key{
			Name: name, Provider: "issuer", From: map[key.Part]key.Ref{key.DefaultPart: {Location: loc}},
			Env: map[string]key.Part{string(name): key.DefaultPart}, Checker: m.issuer, Host: "issuer.example", Budget: 500, Refresh: 5 * time.Minute,
			Policy: rotation.Policy{
				Key: name, Provider: "issuer", From: loc.String(), Probe: 10 * time.Minute, ConfirmTimes: 3, ConfirmOver: 90 * time.Second,
				Grace: 24 * time.Hour, Rollback: rotation.RollbackConfirmed, WatchPrevious: true, Phase: float64(i) / monthKeys,
			},
			Open: func(r map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
				return map[key.Part]secret.Value{key.DefaultPart: r[loc].Data}, nil
			},
		})
	}
	o.Sinks = []engine.Sink{{Name: "app", Path: "/sinks/app", Sink: m.sink, Keys: names}}
	if m.engine, err = engine.New(o); err != nil {
		t.Fatal(err)
	}
	return m
}

// value is the key of one generation: all of one length, so that the heap can be compared.
func (m *month) value(name string, generation int) string {
	return fmt.Sprintf("%s-%08d", name, generation)
}

// day rotates every key, has a far end fail for half an hour, and ends with what
// the sink must have.
func (m *month) day(n int) {
	for i := range monthKeys {
		name := fmt.Sprintf("KEY_%d", i)
		m.source.set(name, m.value(name, n+1))
		m.pass(time.Hour)
	}
	switch errDown := errors.New("connection refused"); n % 3 {
	case 0:
		m.source.fail(errDown)
	case 1:
		m.issuer.silent.Store(true)
	case 2:
		m.channel.fail(errDown)
	}
	m.pass(30 * time.Minute)
	m.source.fail(nil)
	m.issuer.silent.Store(false)
	m.channel.fail(nil)
	m.pass(14*time.Hour - 30*time.Minute)
	for i := range monthKeys {
		name := fmt.Sprintf("KEY_%d", i)
		if got := m.sink.get(name); got != m.value(name, n+1) {
			m.t.Fatalf("day %d: %s is of another generation", n, name)
		}
	}
}

func (m *month) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// usage is what a process can leak.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB of heap", u.goroutines, u.descriptors, u.heap>>10)
}

func look(t *testing.T) usage {
	t.Helper()
	descriptors := 0
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		for _, fd := range fds { // the runtime opens its poller with the first that needs it
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
				descriptors++
			}
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), descriptors, m.HeapAlloc}
}
