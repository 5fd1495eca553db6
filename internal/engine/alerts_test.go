package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

func TestSourceOutageIsToldAndEnds(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.source.fail(errBoom)
		pass(10 * time.Minute)
		w.wantSink("v1")
		w.wantStory("opened source_unreachable")
		w.source.set("K", "v2")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.fail(nil)
		pass(5 * time.Second)
		w.wantSink("v2")
		w.wantStory("opened source_unreachable", "resolved source_unreachable")
	})
}

func TestAlertsSurviveARestartAndAnOutageOfTheReceiver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.channel.fail(errBoom)
		w.start()
		pass(time.Hour) // v1 is dead: candidate_rejected, and nobody hears it
		w.stop()
		w.start()
		pass(10 * time.Minute)
		w.stop()
		w.wantStory()
		w.channel.fail(nil)
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.wantStory("opened candidate_rejected")
		id := w.channel.got[0].Data.ID
		if open := w.e.Status().Alerts; len(open) != 1 || open[0].ID != id {
			t.Fatalf("told %s, open %+v", id, open)
		}
	})
}

func TestAnAlertThatIsRefusedForGoodBlocksNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "bad")
		w.channel.fail(alerts.ErrRefused)
		w.start()
		defer w.stop()
		pass(5 * time.Second)
		if w.channel.seen != 1 {
			t.Fatalf("sent %d times", w.channel.seen)
		}
		w.channel.fail(nil)
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		pass(5 * time.Second)
		w.wantStory("resolved candidate_rejected")
	})
}

func TestAlertsOfWhatTheConfigHasNoMoreEnd(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("A", "vA")
		w.issuer.is("vA", key.Live, key.Valid, "ours")
		w.source.set("B", "dead")
		w.start()
		pass(5 * time.Second)
		w.stop()
		w.keys = []string{"A"}
		w.start()
		defer w.stop()
		pass(time.Second)
		w.wantStory("opened candidate_rejected", "resolved candidate_rejected")
	}, "A", "B")
}

func TestASinkThatWorksAgainAfterARestartIsNoNewsAnyMore(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		w.sinks["app"].fail(errBoom)
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Second)
		w.stop()
		w.source.set("K", "v1")
		w.sinks["app"].fail(nil)
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.wantStory("opened sink_failed", "resolved sink_failed")
	})
}

func TestARestartIsNoNewsOfAnAlertThatIsOpen(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		for _, name := range []string{"b", "c", "d"} {
			w.sinks[name] = &fakeSink{}
		}
		w.source.set("K", "dead")
		for range 6 {
			w.start()
			pass(time.Minute)
			w.stop()
		}
		w.wantStory("opened candidate_rejected")
	})
}

func TestAnAlertHasOneIDFromItsOpeningToItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		tell := func(summary string) {
			w.e.alerts.open("key/K", "K", "issuer", nil, rotation.Open{Cause: key.KeySuspect, Summary: summary})
			pass(time.Minute)
		}
		tell("something is wrong")
		tell("something is wrong")
		tell("more is wrong")
		w.e.alerts.resolve("key/K", key.KeySuspect, "it is over")
		pass(time.Second)
		tell("it is wrong again")
		w.wantStory("opened key_suspect", "updated key_suspect", "resolved key_suspect", "opened key_suspect")
		got := w.channel.got
		for _, later := range got[1:3] {
			if later.Data.ID != got[0].Data.ID || later.Data.Since != got[0].Data.Since {
				t.Errorf("%s is told as %s since %v, opened as %s since %v", later.Type, later.Data.ID, later.Data.Since, got[0].Data.ID, got[0].Data.Since)
			}
		}
		if got[3].Data.ID == got[0].Data.ID {
			t.Error("another alert has the id of one that is over")
		}
	})
}

// Whatever was in the journal when livekey was killed: who has not heard of an alert
// hears of it, under one id.
func TestKilledAfterAnyRecordNoAlertIsLost(t *testing.T) {
	var records [][]byte
	bubble(t, func(t *testing.T, w *world) {
		w.channel.fail(errBoom)
		w.source.set("K", "dead")
		w.start()
		pass(5 * time.Second)
		w.stop()
		all, err := os.ReadFile(filepath.Join(w.dir, journal.FileName))
		if err != nil {
			t.Fatal(err)
		}
		records = slices.Collect(bytes.Lines(all))
	})
	if len(records) < 5 {
		t.Fatalf("only %d records", len(records))
	}
	for n := range len(records) + 1 {
		bubble(t, func(t *testing.T, w *world) {
			if err := os.WriteFile(filepath.Join(w.dir, journal.FileName), bytes.Join(records[:n], nil), 0o600); err != nil {
				t.Fatal(err)
			}
			w.source.set("K", "dead")
			w.start()
			defer w.stop()
			pass(time.Minute)
			open := w.e.Status().Alerts
			if told := w.channel.story(); len(open) != 1 || !slices.Equal(told, []string{"opened candidate_rejected"}) {
				t.Fatalf("after %d of %d records: %d alerts are open, told %q", n, len(records), len(open), told)
			}
			if id := w.channel.got[0].Data.ID; id != open[0].ID {
				t.Errorf("after %d of %d records: told as %s, open as %s", n, len(records), id, open[0].ID)
			}
		})
	}
}
