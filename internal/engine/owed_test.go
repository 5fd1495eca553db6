package engine

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/reload"
)

// Between the note of a write and the write itself, the journal is never without it.
func TestAReloadThatEndsDuringAWriteLeavesTheNextOwed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		r := w.reloadsOf(c)
		defer w.stop()
		c[0].takes = time.Minute
		write := func(f key.Fingerprint) (done func()) {
			if err := r.owe(r.has, content{"K": f}); err != nil {
				t.Fatal(err)
			}
			return func() { r.written(true, time.Now()) }
		}
		write("v1")()
		pass(time.Second)
		written := write("v2")
		pass(10 * time.Minute) // v1 was told; the write takes long
		if o, err := w.e.store.owed("app"); o == nil || err != nil || o.Before["K"] != "v1" {
			t.Fatalf("the journal has %+v, %v", o, err)
		}
		written()
		pass(10 * time.Minute)
		wantTimes(t, c, 2)
	})
}

// reloadsOf starts w and returns what tells the consumers of a sink that the test writes.
func (w *world) reloadsOf(consumers []*fakeConsumer) *reloads {
	w.setup = nil
	w.start()
	s := &sinkRun{Sink: Sink{Name: "app", Keys: []key.Name{"K"}}, e: w.e}
	for _, c := range consumers {
		s.OnChange.Steps = append(s.OnChange.Steps, c)
	}
	s.reloads = newReloads(s)
	return s.reloads
}

// A sink that has again what its consumers had is told to those alone who heard of the
// other content: the mechanism behind on_failure: revert.
func TestAReturnIsToldToWhoHeardOfTheOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers(named("u", 4)...)
		r := w.reloadsOf(c)
		defer w.stop()
		write := func(f key.Fingerprint) {
			next := content{"K": f}
			if err := r.owe(r.has, next); err != nil {
				t.Fatal(err)
			}
			r.written(true, time.Now())
		}
		write("old")
		pass(time.Second)
		wantTimes(t, c, 1, 1, 1, 1)
		c[2].fail(func(map[string]string) error { return errCrash })
		write("new")
		pass(time.Second)
		wantTimes(t, c, 2, 2, 2, 1)
		c[2].fail(nil)
		write("old")
		pass(time.Second)
		wantTimes(t, c, 3, 3, 3, 1)
		if c[0].told[2].Reason != reload.Reverted {
			t.Errorf("told %+v", c[0].told[2])
		}
		if owes, _ := r.trouble(); owes {
			t.Error("still owed")
		}

		pass(time.Hour)
		r.WaitMin, r.WaitMax = time.Minute, time.Hour
		write("new") // and back before anybody was told
		pass(time.Second)
		write("old")
		pass(time.Hour)
		wantTimes(t, c, 3, 3, 3, 1)
		if owes, _ := r.trouble(); owes {
			t.Error("still owed, for nothing")
		}
	})
}

func TestAChangeWhileConsumersAreToldIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a", "b")
		c[0].takes = 30 * time.Second
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(10 * time.Second)
		w.issue("v2") // a is being told of v1
		pass(10 * time.Minute)
		wantTimes(t, c, 2, 1)
		for _, one := range c {
			if one.has["K"] != "v2" {
				t.Errorf("%s has %q", one.name, one.has["K"])
			}
		}
	})
}

// A reloadLife is what was on disk after each record of a run, and what the consumer had.
type reloadLife struct {
	records   [][]byte
	sink, has []map[string]string // by the number of records
}

func reloaded(t *testing.T) (l reloadLife) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		read := func() [][]byte {
			all, err := os.ReadFile(filepath.Join(w.dir, journal.FileName))
			if err != nil {
				t.Fatal(err)
			}
			return slices.Collect(bytes.Lines(all))
		}
		note := func(sink, has map[string]string) {
			for len(l.sink) <= len(read()) {
				l.sink, l.has = append(l.sink, maps.Clone(sink)), append(l.has, maps.Clone(has))
			}
		}
		before := w.setup
		w.setup = func(o *Options) {
			before(o)
			o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() { note(w.sinks["app"].content, c[0].has) }}
			c[0].fails = func(map[string]string) error { note(w.sinks["app"].content, c[0].has); return nil }
		}
		w.issue("v1")
		w.start()
		pass(time.Minute)
		w.issue("v2")
		pass(time.Minute)
		w.stop()
		note(w.sinks["app"].content, c[0].has)
		l.records = read()
	})
	return l
}

// Killed after any record, also between a delivery and its reload, livekey tells the
// consumer what the sink has at the end, and does not tell it for nothing.
func TestKilledAfterAnyRecordTheConsumerHears(t *testing.T) {
	l := reloaded(t)
	if len(l.records) < 15 {
		t.Fatalf("only %d records", len(l.records))
	}
	known := 0 // how many records it takes to know that the consumer was told of v2
	for i, record := range l.records {
		if bytes.Contains(record, []byte(`"done":["unit a"]`)) {
			known = i + 1
		}
	}
	if known == 0 {
		t.Fatal("no record says that the consumer was told")
	}
	for n := range len(l.records) + 1 {
		next := min(n+1, len(l.records))
		for _, left := range [][2]map[string]string{ // sink and consumer
			{l.sink[n], l.has[n]},       // killed behind the record
			{l.sink[next], l.has[n]},    // behind the write that followed it
			{l.sink[next], l.has[next]}, // or behind the reload that did
		} {
			bubble(t, func(t *testing.T, w *world) {
				if err := os.WriteFile(filepath.Join(w.dir, journal.FileName), bytes.Join(l.records[:n], nil), 0o600); err != nil {
					t.Fatal(err)
				}
				c := w.consumers("a")
				w.sinks["app"].set(left[0], left[0] != nil)
				c[0].has = left[1]
				w.issue("v2")
				w.source.set("K", "v2")
				w.start()
				defer w.stop()
				pass(5 * time.Minute)
				w.wantSink("v2")
				if c[0].has["K"] != "v2" {
					t.Errorf("after %d of %d records, sink %v: the consumer has %q, told %d times", n, len(l.records), left[0], c[0].has["K"], c[0].times())
				}
				if n >= known && c[0].times() > 0 {
					t.Errorf("after %d of %d records: told again, for nothing", n, len(l.records))
				}
				if owes, why := w.owes(); owes {
					t.Errorf("after %d of %d records, sink %v: still owed: %s", n, len(l.records), left[0], why)
				}
			})
		}
	}
}
