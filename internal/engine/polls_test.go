package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

func TestAReadThatFindsTheSameIsNotOpened(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		var opened atomic.Int64
		w.setup = func(o *Options) {
			open := o.Keys[0].Open
			o.Keys[0].Open = func(r map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
				opened.Add(1)
				return open(r)
			}
		}
		w.start()
		defer w.stop()
		pass(10 * time.Minute)
		if n, reads := opened.Load(), w.source.count(); n != 1 || reads < 15 {
			t.Errorf("opened %d times in %d reads of the same record", n, reads)
		}
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		if n := opened.Load(); n != 2 {
			t.Errorf("opened %d times for two versions", n)
		}
	})
}

// pacedSource takes a while for each read, and remembers when each began.
type pacedSource struct {
	*fakeSource
	mu    sync.Mutex
	under int // way, now
	most  int
	began []time.Time
}

func (s *pacedSource) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	s.mu.Lock()
	s.under++
	s.most = max(s.most, s.under)
	s.began = append(s.began, time.Now())
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	s.mu.Lock()
	s.under--
	s.mu.Unlock()
	return s.fakeSource.Fetch(ctx, loc)
}

// seen is when each read began so far, and how many were under way at once.
func (s *pacedSource) seen() (began []time.Time, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.began), s.most
}

// Watch hides that of the fake.
func (s *pacedSource) Watch(ctx context.Context, _ []key.Location, _ func(key.Location)) error {
	<-ctx.Done()
	return nil
}

func TestReadsAreFewAtOnceAndSpreadOverTheInterval(t *testing.T) {
	const keys, interval = 120, 30 // seconds
	var names []string
	for i := range keys {
		names = append(names, fmt.Sprintf("K%d", i))
	}
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "v-"+k)
			w.issuer.is("v-"+k, key.Live, key.Valid, "ours")
		}
		src := &pacedSource{fakeSource: w.source}
		w.setup = func(o *Options) { o.Sources["src"] = src }
		w.start()
		defer w.stop()
		pass(2 * time.Second)
		if began, _ := src.seen(); len(began) < keys || len(began) > keys+keys/5 {
			t.Errorf("%d reads in the first two seconds, for %d keys", len(began), keys)
		}
		spread := func(when string) {
			t.Helper()
			before, _ := src.seen()
			from := time.Now()
			pass(interval * time.Second)
			began, most := src.seen()
			polls := began[len(before):]
			if len(polls) < keys*9/10 || len(polls) > keys*12/10 {
				t.Errorf("%s: %d polls in an interval, for %d keys", when, len(polls), keys)
			}
			if most > readsAtOnce {
				t.Errorf("%s: %d reads were under way at once", when, most)
			}
			var inSecond [interval + 1]int
			for _, at := range polls {
				inSecond[at.Sub(from)/time.Second]++
			}
			for second, n := range inSecond {
				if n > 5*keys/interval {
					t.Errorf("%s: %d of %d polls in second %d", when, n, keys, second)
				}
			}
		}
		pass(interval * time.Second)
		spread("after a start")
		w.source.fail(errBoom)
		pass(5 * time.Minute)
		w.source.fail(nil)
		pass((interval + 10) * time.Second)
		spread("after an outage")
		pass(20 * time.Minute)
		spread("long after")
	}, names...)
}

func TestAnAgendaTellsTheEarliestFirst(t *testing.T) {
	var a agenda[string, int]
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	if a.first() != nil {
		t.Fatal("an empty agenda has something")
	}
	a.set("a", at(3), 1)
	a.set("b", at(1), 2)
	a.set("c", at(2), 3)
	a.set("b", at(4), 5) // later after all
	a.drop("c")
	a.drop("nobody")
	for _, want := range []due[string, int]{{id: "a", with: 1, at: at(3)}, {id: "b", with: 5, at: at(4)}} {
		got := a.first()
		if got.id != want.id || got.with != want.with || !got.at.Equal(want.at) {
			t.Errorf("first is %+v, want %+v", *got, want)
		}
		a.drop(got.id)
	}
	if a.first() != nil {
		t.Error("what was dropped is still there")
	}
}
