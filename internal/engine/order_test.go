package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

// watchedSink calls before with each write that begins.
type watchedSink struct {
	*fakeSink
	before func()
}

func (s watchedSink) Write(ctx context.Context, entries []sinks.Entry) (bool, error) {
	s.before()
	return s.fakeSink.Write(ctx, entries)
}

// A delivery does not wait until the journal knows that it was decided. Whoever is
// killed between the two finds a new version in the sink, and goes on with it.
func TestADeliveryThatTheJournalDoesNotKnowIsNoStep(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var left []byte // of the journal, by the kill
		w.setup = func(o *Options) {
			o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() {
				left = nil
				all, err := os.ReadFile(filepath.Join(w.dir, "journal.jsonl"))
				if err != nil {
					t.Error(err)
				}
				for line := range bytes.Lines(all) {
					if !bytes.Contains(line, []byte(`"delivering":`)) {
						left = append(left, line...)
					}
				}
			}}
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSink("v2")
		w.stop()

		if err := os.WriteFile(filepath.Join(w.dir, "journal.jsonl"), left, 0o600); err != nil {
			t.Fatal(err)
		}
		w.source.fail(errBoom) // nobody else knows of v2
		writes := w.sinks["app"].writes
		w.start()
		defer w.stop()
		pass(time.Second)
		w.wantSink("v2")
		if n := w.sinks["app"].writes - writes; n != 0 {
			t.Errorf("%d writes after the restart: the sink had it", n)
		}
		k := w.e.Status().Keys[0]
		if k.Current == nil || k.Current.Version != "2" || k.Candidate != nil || len(k.Older) != 1 {
			t.Errorf("status is current %+v, candidate %+v, older %+v", k.Current, k.Candidate, k.Older)
		}
		w.wantStory()
	})
}

// Killed after the rename, livekey must know the bytes for its own also where no
// marker says so.
func TestTheJournalKnowsWhatIsWrittenBeforeItIs(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		next := "v1"
		var known []bool
		w.setup = func(o *Options) {
			o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() {
				onDisk, err := journal.OpenReadOnly(w.dir, o.Log)
				if err != nil {
					t.Error(err)
					return
				}
				known = append(known, Known(onDisk, o.Hasher, "app")(map[string]secret.Value{"K": secret.New([]byte(next))}))
			}}
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", next)
		w.start()
		defer w.stop()
		pass(time.Second)
		next = "v2"
		w.source.set("K", next)
		pass(time.Second)
		if !slices.Equal(known, []bool{true, true}) {
			t.Errorf("at each write the journal knows the bytes: %v", known)
		}
	})
}

func TestManyKeysOfOneSinkAreWrittenTogether(t *testing.T) {
	var names []string
	for i := range 24 { // as many as one host may be asked for at once
		names = append(names, fmt.Sprintf("K%d", i))
	}
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "v-"+k)
			w.issuer.is("v-"+k, key.Live, key.Valid, "ours")
		}
		w.setup = func(o *Options) {
			o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() { time.Sleep(10 * time.Millisecond) }}
			for i := range o.Keys { // each proved 5 ms after the one before it
				o.Keys[i].Checker = lateChecker{w.issuer, time.Duration(i) * 5 * time.Millisecond}
			}
		}
		w.start()
		defer w.stop()
		pass(time.Second)
		for _, k := range w.keys {
			if got := w.sinks["app"].get(k); got != "v-"+k {
				t.Errorf("%s has %q", k, got)
			}
		}
		app := w.sinks["app"]
		app.mu.Lock()
		defer app.mu.Unlock()
		if app.writes > 5 {
			t.Errorf("%d writes for keys that were proved within 120 ms", app.writes)
		}
	}, names...)
}

// lateChecker answers after a while.
type lateChecker struct {
	*fakeIssuer
	after time.Duration
}

func (c lateChecker) Check(ctx context.Context, m proof.Material) key.Verdict {
	time.Sleep(c.after)
	return c.fakeIssuer.Check(ctx, m)
}
