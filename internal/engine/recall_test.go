package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/sources"
)

func secretOf(value string) secret.Value { return secret.New([]byte(value)) }

// history is a source that keeps versions.
type history struct {
	*fakeSource
	former map[key.Version]string
	err    error
	asked  int
}

func (h *history) Former(loc key.Location, v key.Version) (key.Location, bool) {
	loc.Version = v
	return loc, v != ""
}

func (h *history) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	if loc.Version == "" {
		return h.fakeSource.Fetch(ctx, loc)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.err != nil {
		return sources.Record{}, h.err
	}
	value, ok := h.former[loc.Version]
	if !ok {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, key.ErrNotFound)
	}
	return sources.Record{Data: secretOf(value), Version: loc.Version}, nil
}

// count is how often an old version was asked for.
func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// keepsVersions makes the source one that keeps these, numbered from 1, from the next start on.
func (w *world) keepsVersions(values ...string) {
	h := &history{fakeSource: w.source, former: map[key.Version]string{}}
	for i, value := range values {
		h.former[key.Version(fmt.Sprint(i+1))] = value
	}
	was := w.setup
	w.setup = func(o *Options) {
		if was != nil {
			was(o)
		}
		o.Sources["src"] = h
	}
}

// restartedAfter has v1 replaced by v2, and livekey started again after that: no sink
// has v1 any more.
func restartedAfter(t *testing.T, h *history, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		if h != nil {
			h.fakeSource = w.source
			w.setup = func(o *Options) { o.Sources["src"] = h }
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		w.stop()
		w.start()
		defer w.stop()
		pass(time.Second)
		f(t, w)
	})
}

func TestAnOldVersionIsWatchedAfterARestartWhereABackendKeepsIt(t *testing.T) {
	h := &history{former: map[key.Version]string{"1": "v1"}}
	restartedAfter(t, h, func(t *testing.T, w *world) {
		if h.count() != 0 {
			t.Error("the backend is asked for old versions at the start")
		}
		pass(48 * time.Hour)
		if n := h.count(); n != 1 {
			t.Errorf("the backend was asked %d times", n)
		}
		if w.alert(key.OverlapTooLong) == nil {
			t.Fatalf("told %q", w.channel.story())
		}
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(12 * time.Hour)
		if opened, _ := w.channel.ended(key.RotationComplete); opened != 1 {
			t.Fatalf("complete told %d times: %q", opened, w.channel.story())
		}
	})
}

func TestWhereNobodyHasAnOldVersionThatIsSaid(t *testing.T) {
	for name, h := range map[string]*history{
		"the source keeps none":                     nil,
		"it was destroyed":                          {},
		"other bytes are there by its name":         {former: map[key.Version]string{"1": "v9"}},
		"what is there by its name cannot be a key": {former: map[key.Version]string{"1": "v1\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			restartedAfter(t, h, func(t *testing.T, w *world) {
				asked := w.issuer.count("v1")
				pass(time.Hour)
				if s := w.e.Status().Keys[0]; len(s.Older) != 1 || !s.Older[0].Unwatched {
					t.Fatalf("older %+v", s.Older)
				}
				all, err := w.e.Rotations("K")
				if err != nil {
					t.Fatal(err)
				}
				told := 0
				for _, step := range all.Rotations[0].Steps {
					if step.What == trail.Unwatched {
						told++
					}
				}
				if told != 1 {
					t.Errorf("the trail says so %d times", told)
				}
				w.issuer.is("v1", key.Dead, key.Invalid, "")
				pass(72 * time.Hour)
				if h != nil && h.count() > 1 {
					t.Errorf("the backend was asked %d times", h.count())
				}
				if w.issuer.count("v1") != asked || w.issuer.count("v9") != 0 {
					t.Error("the issuer was asked with something")
				}
				w.wantStory()
			})
		})
	}
}

func TestABackendThatIsDownIsAskedForOldVersionsAgain(t *testing.T) {
	h := &history{former: map[key.Version]string{"1": "v1"}, err: errBoom}
	restartedAfter(t, h, func(t *testing.T, w *world) {
		pass(2 * time.Hour)
		if s := w.e.Status().Keys[0]; s.Older[0].Unwatched {
			t.Error("a backend that is down for an hour is said to have lost it")
		}
		h.mu.Lock()
		h.err = nil
		h.mu.Unlock()
		asked := w.issuer.count("v1")
		pass(24 * time.Hour)
		if w.issuer.count("v1") == asked {
			t.Error("nobody asks about it")
		}
	})
}

// What a sink had before this start is held from the moment in which it is replaced.
func TestTheSinksOwnBytesAreWatchedOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.stop()
		w.source.set("K", "v2") // while livekey was away: only the sink has v1
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.wantSink("v2")
		asked := w.issuer.count("v1")
		pass(26 * time.Hour)
		if w.issuer.count("v1") == asked || w.alert(key.OverlapTooLong) == nil {
			t.Fatalf("asked %d times more, told %q", w.issuer.count("v1")-asked, w.channel.story())
		}
	})
}

// Bytes that a person put into the sink are nobody's version: they go to no issuer.
func TestWhatAPersonPutIntoASinkIsNotWatched(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.sinks["app"].set(map[string]string{"K": "by hand"}, true)
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(26 * time.Hour)
		w.wantSink("v1")
		if w.issuer.count("by hand") != 0 || len(w.e.Status().Keys[0].Older) != 0 {
			t.Fatalf("asked %d times, older %+v", w.issuer.count("by hand"), w.e.Status().Keys[0].Older)
		}
	})
}

// Of a key of several parts each part has a fingerprint of its own, by which its holders
// are found, also after a restart.
func TestTheFingerprintsOfPartsAreKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setup = func(o *Options) {
			k := &o.Keys[0]
			k.Env = map[string]key.Part{"K": key.DefaultPart, "K_ID": "id"}
			open := k.Open
			k.Open = func(r map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
				parts, fault := open(r)
				if fault == nil {
					parts["id"] = secretOf("the id")
				}
				return parts, fault
			}
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Second)
		w.stop()
		w.start()
		defer w.stop()
		pass(time.Second)
		roles := w.e.roles()
		for value, version := range map[string]key.Version{"v1": "1", "v2": "2", "the id": "2"} {
			found := roles[salted.Part(secretOf(value))]
			if len(found) != 1 || found[0].id != version {
				t.Errorf("the part %s is of %+v, want version %s", value, found, version)
			}
		}
	})
}
