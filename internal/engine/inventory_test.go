package engine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
)

// fakeList is an issuer's list of keys, by value.
type fakeList struct {
	mu    sync.Mutex
	keys  map[string]*key.Listing
	err   error
	reads int
	slow  time.Duration
}

func (f *fakeList) Inventory(ctx context.Context) (Lists, error) {
	f.mu.Lock()
	f.reads++
	keys, err, slow := maps.Clone(f.keys), f.err, f.slow
	f.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(v secret.Value, _ key.Identity) *key.Listing { return keys[string(v.Reveal())] }, err
}

func (f *fakeList) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeList) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// listed plays a key of which the issuer has a list.
func listed(t *testing.T, play func(t *testing.T, w *world, f *fakeList)) {
	bubble(t, func(t *testing.T, w *world) {
		f := &fakeList{keys: map[string]*key.Listing{}}
		w.setup = func(o *Options) {
			o.Inventories = map[string]Inventory{"issuer": f, "another": &fakeList{err: errBoom}}
		}
		w.policy = func(p *rotation.Policy) { p.Expiry = []time.Duration{14 * 24 * time.Hour} }
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		play(t, w, f)
	})
}

func TestAListNamesKeysAndTellsTheirEnds(t *testing.T) {
	listed(t, func(t *testing.T, w *world, f *fakeList) {
		end := now().Add(40 * 24 * time.Hour)
		f.keys["v1"] = &key.Listing{Name: "CI", Owner: "user u", Status: "active", ExpiresAt: end}
		f.slow = 10 * time.Second
		w.start()
		defer func() { w.stop() }()
		pass(time.Second)
		w.wantSink("v1") // nobody waits for the list
		pass(time.Minute)
		c := w.e.Status().Keys[0].Current
		if want := (key.Identity{"organization": "ours", "name": "CI", "owner": "user u"}); !maps.Equal(c.Identity, want) || !c.ExpiresAt.Equal(end) {
			t.Errorf("status says %v, %s", c.Identity, c.ExpiresAt)
		}
		if pinned := w.e.keys["K"].snapshot().Identity; pinned["name"] != "" || pinned["organization"] != "ours" {
			t.Errorf("pinned are %v", pinned)
		}
		asked := w.issuer.count("v1")
		w.wantStory()
		f.set(func() {
			f.keys["v1"] = &key.Listing{Name: "CI", Status: "inactive", ExpiresAt: now().Add(24 * time.Hour)}
		})
		pass(time.Hour + time.Minute)
		w.wantStory("opened key_expiring")
		if c := w.e.Status().Keys[0].Current; c.Identity["listed_as"] != "inactive" || c.Outcome != key.Live {
			t.Errorf("status says %v, %s", c.Identity, c.Outcome)
		}
		if n := w.issuer.count("v1") - asked; n > 8 {
			t.Errorf("the issuer was asked %d times in an hour", n)
		}
		if n := f.count(); n != 2 {
			t.Errorf("the list was read %d times in an hour", n)
		}
		w.stop()
		f.set(func() { f.err = errBoom }) // after a restart the journal knows
		w.start()
		pass(time.Second)
		w.wantStory("opened key_expiring")
		if c := w.e.Status().Keys[0].Current; c.Identity["name"] != "CI" {
			t.Errorf("after a restart status says %v", c.Identity)
		}
	})
}

func TestAListThatCannotBeReadKillsNoKey(t *testing.T) {
	listed(t, func(t *testing.T, w *world, f *fakeList) {
		f.keys["v1"] = &key.Listing{Name: "CI", Status: "active"}
		w.start()
		defer w.stop()
		pass(time.Minute)
		f.set(func() { f.err = errors.New("the Admin API answered 401") })
		pass(3 * time.Hour)
		w.wantSink("v1")
		w.wantStory("opened self_degraded")
		if a := w.lastTold(); a.Data.Severity != key.Warning || a.Data.Evidence["detail"] == "" {
			t.Errorf("told %+v", a.Data)
		}
		if c := w.e.Status().Keys[0].Current; c.Outcome != key.Live || c.Identity["name"] != "CI" {
			t.Errorf("status says %s, %v", c.Outcome, c.Identity)
		}
		if n := f.count(); n > 12 {
			t.Errorf("read %d times in three hours", n)
		}
		f.set(func() { f.err = nil })
		pass(2 * time.Hour)
		w.wantStory("opened self_degraded", "resolved self_degraded")
	})
}

// A key that was made after the list was read is looked for again, soon and not at once.
func TestAKeyThatIsNotInTheListIsLookedForAgain(t *testing.T) {
	listed(t, func(t *testing.T, w *world, f *fakeList) {
		f.keys["v1"] = &key.Listing{Name: "old", Status: "active"}
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		f.set(func() { f.keys["v2"] = &key.Listing{Name: "new", Status: "active"} })
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSink("v2")
		if name := w.e.Status().Keys[0].Current.Identity["name"]; name == "old" {
			t.Error("the new version has the name of the old one")
		}
		pass(6 * time.Minute)
		if name := w.e.Status().Keys[0].Current.Identity["name"]; name != "new" {
			t.Errorf("the name is %q after %d reads", name, f.count())
		}
		w.issuer.is("v3", key.Live, key.Valid, "ours")
		w.source.set("K", "v3") // in no list at all
		before := f.count()
		pass(2 * time.Hour)
		if n := f.count() - before; n < 2 || n > 25 {
			t.Errorf("read %d times in two hours", n)
		}
	})
}
