package engine

import (
	"context"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
)

func TestAFailingSinkDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.sinks["bad"] = &fakeSink{err: errBoom}
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		if got := w.sinks["app"].get("K"); got != "v1" {
			t.Fatalf("the good sink has %q", got)
		}
		w.wantStory("opened sink_failed")
		if s := w.e.Status(); s.Ready {
			t.Fatal("ready, and a sink has nothing")
		}
		pass(time.Hour)
		w.sinks["bad"].fail(nil)
		pass(3 * time.Minute)
		w.wantSink("v1")
		w.wantStory("opened sink_failed", "resolved sink_failed")
	})
}

func TestAnEmptySinkIsFilledWithWhatIsKnownLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		w.stop()
		w.sinks["app"].set(nil, false) // a reboot: the memory-backed sink is gone
		w.issuer.blocked(key.Transient)
		w.start()
		defer w.stop()
		pass(2 * time.Second)
		w.wantSink("v1")
		if got := w.sinks["app"].reasons["K"]; got != key.Transient {
			t.Fatalf("delivered as %q", got)
		}
		w.wantStory("opened candidate_unproved")
		if c := w.e.Status().Keys[0].Current; c.Unproved != key.Transient {
			t.Fatalf("status does not say unproved: %+v", c)
		}
		w.issuer.blocked("")
		pass(30 * time.Second)
		w.wantStory("opened candidate_unproved", "resolved candidate_unproved")
	})
}

func TestDriftIsToldAndMendedWhereTheMarkerStands(t *testing.T) {
	for name, marked := range map[string]bool{"with its marker": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.source.set("K", "v1")
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.start()
				defer w.stop()
				pass(time.Second)
				w.sinks["app"].set(map[string]string{"K": "by hand"}, marked)
				pass(time.Minute)
				want := "by hand"
				if marked {
					want = "v1"
				}
				w.wantSink(want)
				if w.channel.story()[0] != "opened drift" {
					t.Fatalf("told %q", w.channel.story())
				}
				if w.issuer.count("by hand") != 0 {
					t.Fatal("a value found in a sink was sent to the issuer")
				}
			})
		})
	}
}

// hungReader cannot be read once it was written, until the read is given up.
type hungReader struct{ *fakeSink }

func (s hungReader) Read(ctx context.Context) (sinks.Content, error) {
	if s.get("K") == "" {
		return s.fakeSink.Read(ctx)
	}
	<-ctx.Done()
	return sinks.Content{}, ctx.Err()
}

func TestToStopIsNoFaultOfASink(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.setup = func(o *Options) { o.Sinks[0].Sink = hungReader{w.sinks["app"]} }
		o, j := w.options()
		defer j.Close()
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Once(context.Background(), time.Second); err != nil {
			t.Fatal(err)
		}
		w.wantSink("v1")
		if failed := e.Status().Keys[0].Sinks[0].Error; failed != "" {
			t.Errorf("the sink failed: %s", failed)
		}
		w.wantStory()
	})
}

func TestAWriteCarriesNothingBackThatSomebodyChanged(t *testing.T) {
	for name, c := range map[string]struct {
		found map[string]string
		want  string // of A while its issuer cannot be asked
	}{
		"bytes changed by hand stay":                              {map[string]string{"A": "by hand", "B": "vB"}, "by hand"},
		"a file that was removed is not filled with an old proof": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				quiet := &fakeIssuer{keys: map[string]key.Verdict{}, asked: map[string]int{}}
				quiet.is("vA", key.Live, key.Valid, "")
				w.setup = func(o *Options) { o.Keys[0].Checker, o.Keys[0].Host = quiet, "quiet.example" }
				w.source.set("A", "vA")
				w.source.set("B", "vB")
				w.issuer.is("vB", key.Live, key.Valid, "ours")
				w.issuer.is("vB2", key.Live, key.Valid, "ours")
				w.start()
				defer w.stop()
				pass(time.Second)
				quiet.is("vA", key.Unknown, key.WrongAuthMethod, "")
				w.sinks["app"].set(c.found, c.found != nil)
				w.source.set("B", "vB2")
				pass(time.Second)
				if got := w.sinks["app"].get("B"); got != "vB2" {
					t.Fatalf("B is %q", got)
				}
				if got := w.sinks["app"].get("A"); got != c.want {
					t.Fatalf("A is %q, want %q", got, c.want)
				}
				if quiet.count("by hand") != 0 {
					t.Fatal("a value found in a sink was sent to the issuer")
				}
			}, "A", "B")
		})
	}
}

func TestAnExceptionForAnEmptySinkReplacesNothing(t *testing.T) {
	theirs := map[string]string{"K": "by hand"}
	for name, c := range map[string]struct {
		first func(w *world) // before livekey starts
		later func(w *world) // while it waits for the issuer
		want  string
	}{
		"somebody's file is there":        {first: func(w *world) { w.sinks["app"].set(theirs, false) }, want: "by hand"},
		"somebody's file comes meanwhile": {later: func(w *world) { w.sinks["app"].set(theirs, false) }, want: "by hand"},
		"somebody's file goes": {
			first: func(w *world) { w.sinks["app"].set(theirs, false) },
			later: func(w *world) { w.sinks["app"].set(nil, false) }, want: "v1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(_ *testing.T, w *world) {
				w.policy = func(p *rotation.Policy) { p.PublishIfEmpty = true }
				w.source.set("K", "v1")
				w.issuer.blocked(key.Transient)
				if c.first != nil {
					c.first(w)
				}
				w.start()
				defer w.stop()
				pass(29 * time.Second)
				if c.later != nil {
					c.later(w)
				}
				pass(2 * time.Minute)
				w.wantSink(c.want)
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.issuer.blocked("")
				pass(5 * time.Minute)
				w.wantSink("v1")
			})
		})
	}
}

func TestDriftEndsWhenTheBytesOfSomebodyElseAreGone(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		quiet := &fakeIssuer{keys: map[string]key.Verdict{}, asked: map[string]int{}}
		quiet.is("vA", key.Live, key.Valid, "ours")
		w.setup = func(o *Options) { o.Keys[0].Checker, o.Keys[0].Host = quiet, "quiet.example" }
		w.source.set("A", "vA")
		w.source.set("B", "vB")
		w.issuer.is("vB", key.Live, key.Valid, "ours")
		w.issuer.is("vB2", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		quiet.blocked(key.Transient)
		w.sinks["app"].set(map[string]string{"A": "by hand", "B": "vB"}, true)
		pass(time.Minute)
		w.source.set("B", "vB2") // carries the bytes along
		pass(time.Minute)
		w.wantSink("by hand")
		w.wantStory("opened drift")
		quiet.blocked("")
		pass(10 * time.Minute)
		w.wantSink("vA")
		w.wantStory("opened drift", "resolved drift")
	}, "A", "B")
}
