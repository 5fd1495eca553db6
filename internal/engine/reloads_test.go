package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/reload"
)

// fakeConsumer reads its sink when it is told, as a service that restarts does.
type fakeConsumer struct {
	name string
	sink *fakeSink

	mu    sync.Mutex
	has   map[string]string
	told  []reload.Change
	at    []time.Time
	fails func(has map[string]string) error // nil: it always comes back
	takes time.Duration
}

func (c *fakeConsumer) Name() string { return "unit " + c.name }

func (c *fakeConsumer) Reload(ctx context.Context, change reload.Change) (string, error) {
	c.sink.mu.Lock()
	has := maps.Clone(c.sink.content)
	c.sink.mu.Unlock()
	c.mu.Lock()
	c.told, c.at = append(c.told, change), append(c.at, time.Now())
	fails, takes := c.fails, c.takes
	c.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if fails != nil {
		if err := fails(has); err != nil {
			return "", err
		}
	}
	c.mu.Lock()
	c.has = has
	c.mu.Unlock()
	return "restarted", nil
}

func (c *fakeConsumer) times() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.told)
}

func (c *fakeConsumer) fail(f func(map[string]string) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = f
}

// consumers gives the sink of w consumers of these names, who are told at once.
func (w *world) consumers(names ...string) []*fakeConsumer {
	all := make([]*fakeConsumer, len(names))
	on := OnChange{}
	for i, name := range names {
		all[i] = &fakeConsumer{name: name, sink: w.sinks["app"]}
		on.Steps = append(on.Steps, all[i])
	}
	w.setup = func(o *Options) { o.Sinks[0].OnChange = on }
	return all
}

// waits changes what the consumers of w are told by.
func (w *world) waits(change func(*OnChange)) {
	before := w.setup
	w.setup = func(o *Options) { before(o); change(&o.Sinks[0].OnChange) }
}

func (w *world) issue(value string) {
	w.issuer.is(value, key.Live, key.Valid, "ours")
	w.source.set(w.keys[0], value)
}

func times(all []*fakeConsumer) []int {
	var n []int
	for _, c := range all {
		n = append(n, c.times())
	}
	return n
}

func wantTimes(t *testing.T, all []*fakeConsumer, want ...int) {
	t.Helper()
	if got := times(all); !slices.Equal(got, want) {
		t.Fatalf("told %v times, want %v", got, want)
	}
}

func (w *world) owes() (bool, string) {
	s := w.e.Status().Keys[0].Sinks[0]
	return s.ReloadOwed, s.Error
}

func TestConsumersAreToldOfTheFirstDeliveryAndOfEachChange(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		w.issue("v1")
		w.start()
		pass(time.Second)
		wantTimes(t, c, 1)
		pass(24 * time.Hour)
		w.issue("v2")
		pass(time.Minute)
		wantTimes(t, c, 2)
		w.stop()
		w.start() // equal bytes
		defer w.stop()
		pass(24 * time.Hour)
		wantTimes(t, c, 2)
		if owes, why := w.owes(); owes || why != "" {
			t.Errorf("owed %t, %q", owes, why)
		}
		if o, err := w.e.store.owed("app"); o != nil || err != nil {
			t.Errorf("the journal has %+v, %v", o, err)
		}
		first, second := c[0].told[0], c[0].told[1]
		if first.Reason != reload.First || second.Reason != reload.Changed || !slices.Equal(second.Keys, []key.Name{"K"}) {
			t.Errorf("told %+v, then %+v", first, second)
		}
		if s := w.e.Status(); second.Prints[0].String() != s.Keys[0].Current.Fingerprint {
			t.Errorf("told of %s, current is %s", second.Prints[0], s.Keys[0].Current.Fingerprint)
		}
		if c[0].has["K"] != "v2" {
			t.Errorf("it has %q", c[0].has["K"])
		}
	})
}

func TestConsumersOfOneNameAreToldApart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a", "a", "b", "a")
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		wantTimes(t, c, 1, 1, 1, 1)
	})
}

func TestConsumersOfAPausedKeyAreNotTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		w.waits(func(o *OnChange) { o.WaitMin, o.WaitMax = time.Minute, time.Hour })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(10 * time.Second)
		w.wantSink("v1")
		if err := w.e.Pause("K", time.Now().Add(time.Hour), "test"); err != nil {
			t.Fatal(err)
		}
		pass(59 * time.Minute)
		wantTimes(t, c, 0)
		if err := w.e.Resume("K"); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		wantTimes(t, c, 1)
	})
}

func TestChangesAreGatheredButNotForEver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		w.waits(func(o *OnChange) { o.WaitMin, o.WaitMax = 20*time.Second, time.Minute })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(19 * time.Second)
		wantTimes(t, c, 0)
		pass(2 * time.Second)
		wantTimes(t, c, 1)

		pass(time.Hour)
		w.issue("v2")
		pass(15 * time.Second)
		w.issue("v3") // still not quiet
		pass(18 * time.Second)
		wantTimes(t, c, 1)
		pass(5 * time.Second)
		wantTimes(t, c, 2)
		if c[0].has["K"] != "v3" {
			t.Errorf("it has %q", c[0].has["K"])
		}

		pass(time.Hour)
		began := time.Now()
		for i := range 9 { // never quiet
			w.issue(fmt.Sprint("w", i))
			pass(15 * time.Second)
		}
		if took := c[0].at[2].Sub(began); took < 55*time.Second || took > 65*time.Second {
			t.Errorf("told %s after the first change, want a minute", took)
		}
	})
}

func TestASplayIsTheMachinesOwn(t *testing.T) {
	at := map[string]time.Duration{}
	for _, machine := range []string{"a", "b", "b"} {
		bubble(t, func(t *testing.T, w *world) {
			c := w.consumers("a")
			w.waits(func(o *OnChange) { o.Splay = time.Hour })
			before := w.setup
			w.setup = func(o *Options) { before(o); o.Machine = machine }
			w.issue("v1")
			began := time.Now()
			w.start()
			defer w.stop()
			pass(2 * time.Hour)
			wantTimes(t, c, 1)
			took := c[0].at[0].Sub(began).Truncate(time.Second)
			if was, known := at[machine]; known && was != took || took > time.Hour {
				t.Errorf("machine %s: after %s, and before %s", machine, took, was)
			}
			at[machine] = took
		})
	}
	if at["a"] == at["b"] {
		t.Errorf("both machines told theirs after %s", at["a"])
	}
}

func named(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i+1)
	}
	return all
}

var errCrash = errors.New("it is failed after 2s: exit-code")

func TestAtTheFourthOfTenThatFailsTheRestAreLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers(named("u", 10)...)
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		c[3].fail(func(has map[string]string) error {
			if has["K"] != "v1" {
				return errCrash
			}
			return nil
		})
		w.issue("v2")
		pass(time.Hour)
		wantTimes(t, c, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1)
		if !slices.IsSortedFunc(c[:4], func(a, b *fakeConsumer) int { return a.at[1].Compare(b.at[1]) }) {
			t.Error("they were not told in order")
		}
		owes, why := w.owes()
		if !owes || !strings.Contains(why, "unit u4: "+errCrash.Error()) {
			t.Errorf("status: owed %t, %q", owes, why)
		}
		open := w.e.Status().Alerts
		if len(open) == 0 || open[0].Cause != key.ReloadFailed || open[0].Severity != key.Critical {
			t.Fatalf("open: %+v", open)
		}
		for field, want := range map[string]string{
			"consumer": "unit u4", "told": "unit u1, unit u2, unit u3", "detail": errCrash.Error(),
			"left_alone": "unit u5, unit u6, unit u7, unit u8, unit u9, unit u10",
		} {
			if got := open[0].Evidence[field]; got != want {
				t.Errorf("evidence %s: %q, want %q", field, got, want)
			}
		}

		c[3].fail(nil) // somebody repairs it, and says so
		if err := w.e.Refresh(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantTimes(t, c, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2)
		for _, a := range w.e.Status().Alerts {
			if a.Cause == key.ReloadFailed {
				t.Errorf("still open: %+v", a)
			}
		}
	})
}

func TestAConsumerThatDidNotComeBackIsNotToldAgainByItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		c[0].fail(func(map[string]string) error { return errCrash })
		w.issue("v1")
		w.start()
		pass(24 * time.Hour)
		wantTimes(t, c, 1)
		w.stop()
		w.start() // nor by a restart
		defer w.stop()
		pass(24 * time.Hour)
		wantTimes(t, c, 1)
		c[0].fail(nil)
		w.issue("v2") // another content is another matter
		pass(time.Hour)
		wantTimes(t, c, 2)
	})
}

func TestWhereNobodyCanTellItIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a", "b")
		c[0].fail(func(map[string]string) error { return fmt.Errorf("%w: no bus", reload.ErrUnasked) })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Hour)
		if n := c[0].times(); n < 4 || n > 20 {
			t.Errorf("tried %d times within an hour", n)
		}
		if owes, why := w.owes(); !owes || !strings.Contains(why, "no bus") {
			t.Errorf("status: owed %t, %q", owes, why)
		}
		c[0].fail(nil)
		pass(time.Hour)
		if c[1].times() != 1 {
			t.Errorf("the next was told %d times", c[1].times())
		}
		w.wantStory("opened reload_failed", "resolved reload_failed")
	})
}

// A version that a consumer does not come back with gives way to the one before, and
// only those who had heard of it are told again.
func TestAVersionThatConsumersFailOnIsReverted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers(named("u", 5)...)
		w.waits(func(o *OnChange) { o.Revert = true })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		c[2].fail(func(has map[string]string) error {
			if has["K"] == "v2" {
				return errCrash
			}
			return nil
		})
		w.issue("v2")
		pass(5 * time.Minute)
		w.wantSink("v1")
		wantTimes(t, c, 3, 3, 3, 1, 1)
		for _, one := range c {
			if one.has["K"] != "v1" {
				t.Errorf("%s has %q", one.name, one.has["K"])
			}
		}
		k := w.e.Status().Keys[0]
		if k.Candidate == nil || k.Candidate.HeldBy != "failed" || k.Sinks[0].ReloadOwed {
			t.Errorf("candidate %+v, sink %+v", k.Candidate, k.Sinks[0])
		}
		for _, a := range w.e.Status().Alerts {
			if a.Cause == key.ReloadFailed {
				t.Errorf("still open: %+v", a)
			}
		}
		pass(24 * time.Hour) // it is not delivered again by itself
		w.wantSink("v1")
		wantTimes(t, c, 3, 3, 3, 1, 1)
		w.issue("v3") // a new version is another matter
		pass(5 * time.Minute)
		w.wantSink("v3")
		wantTimes(t, c, 4, 4, 4, 2, 2)
	})
}

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
