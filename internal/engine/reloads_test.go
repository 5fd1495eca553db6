package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

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
