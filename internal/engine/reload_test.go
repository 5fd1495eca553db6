package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

func TestASuccessorGoesOnWatchingOldVersions(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		next := w.succeed()
		defer func() { w.stop() }()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSink("v2")
		next(func(*Options) {})
		asked := w.issuer.count("v1")
		pass(24 * time.Hour)
		if w.issuer.count("v1") == asked {
			t.Error("nobody asked about v1 any more, which only the engine before had")
		}
	})
}

func TestASuccessorUnderAnotherSaltTakesNothingOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		next := w.succeed()
		defer func() { w.stop() }()
		pass(time.Second)
		next(func(o *Options) { o.Hasher = secret.NewHasher(secret.New([]byte("another salt"))) })
		pass(time.Second)
		w.wantSink("v1")
		w.wantStory()
		if n := len(w.e.keys["K"].materials); n != 1 {
			t.Errorf("%d values are held, of one version", n)
		}
	})
}

func TestASuccessorCostsNoCallWhileTheProofIsFresh(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		next := w.succeed()
		defer func() { w.stop() }()
		pass(time.Minute)
		asked := w.issuer.count("v1")
		for range 3 {
			next(func(*Options) {})
			pass(time.Second)
		}
		if more := w.issuer.count("v1") - asked; more != 0 {
			t.Errorf("three reloads cost %d calls", more)
		}
		if s := w.e.Status(); !s.Ready || s.Keys[0].Current.Outcome != key.Live {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAKeyTakenOutOfTheConfigLeavesTheSinks(t *testing.T) {
	for name, issuerDown := range map[string]bool{"at once": false, "also while nobody can be asked": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				for _, k := range w.keys {
					w.source.set(k, "v1"+k)
					w.issuer.is("v1"+k, key.Live, key.Valid, "ours")
				}
				next := w.succeed()
				defer func() { w.stop() }()
				pass(time.Second)
				if issuerDown {
					w.issuer.blocked(key.Transient)
				}
				next(func(o *Options) {
					o.Keys = slices.DeleteFunc(slices.Clone(o.Keys), func(k Key) bool { return k.Name == "GONE" })
					o.Sinks = slices.Clone(o.Sinks)
					o.Sinks[0].Keys = []key.Name{"STAYS"}
				})
				pass(time.Second)
				app := w.sinks["app"]
				if got := app.get("STAYS"); got != "v1STAYS" {
					t.Errorf("the key that stays is %q", got)
				}
				if got := app.get("GONE"); got != "" {
					t.Errorf("the key that left is still there: %q", got)
				}
				w.wantStory()
			}, "STAYS", "GONE")
		})
	}
}

func TestARenamedVariableStaysUntilItsSuccessorIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		next := w.succeed()
		defer func() { w.stop() }()
		pass(time.Second)
		w.issuer.blocked(key.Transient)
		next(func(o *Options) {
			o.Keys = slices.Clone(o.Keys)
			o.Keys[0].Env = map[string]key.Part{"NEW_NAME": key.DefaultPart}
		})
		app := w.sinks["app"]
		for range 100 {
			pass(100 * time.Millisecond)
			if app.get("K") == "" && app.get("NEW_NAME") == "" {
				t.Fatal("readers had neither the old name nor the new one")
			}
		}
		w.issuer.blocked("")
		pass(time.Minute)
		if app.get("K") != "" || app.get("NEW_NAME") != "v1" {
			t.Errorf("old name %q, new name %q", app.get("K"), app.get("NEW_NAME"))
		}
	})
}

func TestARenamedVariableStaysBesideAnotherKey(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "v1"+k)
			w.issuer.is("v1"+k, key.Live, key.Valid, "ours")
		}
		next := w.succeed()
		defer func() { w.stop() }()
		pass(time.Second)
		w.issuer.mu.Lock()
		w.issuer.delay = 5 * time.Second
		w.issuer.mu.Unlock()
		w.issuer.blocked(key.Transient) // so that the new name takes its time
		next(func(o *Options) {
			o.Keys = slices.Clone(o.Keys)
			i := slices.IndexFunc(o.Keys, func(k Key) bool { return k.Name == "RENAMED" })
			o.Keys[i].Env = map[string]key.Part{"NEW_NAME": key.DefaultPart}
		})
		app := w.sinks["app"]
		for range 200 {
			pass(100 * time.Millisecond)
			if app.get("RENAMED") == "" && app.get("NEW_NAME") == "" {
				t.Fatal("readers had neither the old name nor the new one")
			}
		}
		w.issuer.blocked("")
		pass(time.Hour)
		if app.get("RENAMED") != "" || app.get("NEW_NAME") != "v1RENAMED" || app.get("STAYS") != "v1STAYS" {
			t.Errorf("old name %q, new name %q, beside it %q", app.get("RENAMED"), app.get("NEW_NAME"), app.get("STAYS"))
		}
	}, "STAYS", "RENAMED")
}
