package engine

import (
	"context"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

func TestASinkThatIsToBeCompleteWaitsForEveryKey(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.setup = func(o *Options) { o.Sinks[0].Complete = true }
		w.source.set("A", "vA")
		w.issuer.is("vA", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Minute)
		if n := w.sinks["app"].writes; n != 0 {
			t.Fatalf("written %d times, and B is not there", n)
		}
		w.issuer.is("vB", key.Live, key.Valid, "ours")
		w.source.set("B", "vB")
		pass(2 * time.Minute)
		if a, b := w.sinks["app"].get("A"), w.sinks["app"].get("B"); a != "vA" || b != "vB" {
			t.Fatalf("the sink has A %q and B %q", a, b)
		}
	}, "A", "B")
}

func TestAKeyThatDisappearsIsToldAndChangesNoSink(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.source.mu.Lock()
		delete(w.source.records, "K")
		w.source.mu.Unlock()
		pass(time.Hour)
		w.wantSink("v1")
		w.wantStory("opened source_missing")
		w.source.set("K", "v1")
		pass(time.Second)
		w.wantStory("opened source_missing", "resolved source_missing")
	})
}

func TestACandidateThatNobodyCanJudgeIsTold(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.issuer.blocked(key.Transient)
		w.source.set("K", "v2")
		pass(29 * time.Second)
		w.wantStory()
		pass(time.Minute)
		w.wantSink("v1")
		w.wantStory("opened candidate_unproved")
		w.issuer.blocked("")
		pass(3 * time.Minute)
		w.wantSink("v2")
		w.wantStory("opened candidate_unproved", "resolved candidate_unproved")
	})
}

func TestAnIssuerThatCannotBeAskedIsTold(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.issuer.blocked(key.Transient)
		pass(14 * time.Minute) // the first that is not answered comes within ten
		w.wantStory()
		pass(20 * time.Minute)
		w.wantSink("v1")
		w.wantStory("opened issuer_unreachable")
		w.issuer.blocked("")
		pass(20 * time.Minute)
		w.wantStory("opened issuer_unreachable", "resolved issuer_unreachable")
	})
}

// hastySink takes a second to write, and gives up when its context ends.
type hastySink struct{ *fakeSink }

func (s hastySink) Write(ctx context.Context, entries []sinks.Entry) (bool, error) {
	select {
	case <-time.After(time.Second):
		return s.fakeSink.Write(ctx, entries)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func TestAWriteThatHasBegunIsFinishedBeforeTheEnd(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.setup = func(o *Options) { o.Sinks[0].Sink = hastySink{w.sinks["app"]} }
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second / 2)
		w.stop()
		w.wantSink("v1")
	})
}

func TestASinkThatFailsIsTriedEverMoreSlowly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		tries := 0
		w.setup = func(o *Options) { o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() { tries++ }} }
		w.sinks["app"].fail(errBoom)
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Hour)
		if tries < 20 || tries > 80 {
			t.Errorf("tried %d times in an hour", tries)
		}
	})
}

// Under another salt no fingerprint of before means anything: what the source and
// the sink hold is the same key as ever, and nothing rotates.
func TestANewSaltIsNoRotation(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		w.stop()
		writes := w.sinks["app"].writes
		w.setup = func(o *Options) { o.Hasher = secret.NewHasher(secret.New([]byte("another salt"))) }
		w.start()
		defer w.stop()
		pass(time.Hour)
		w.wantSink("v1")
		w.wantStory()
		if n := w.sinks["app"].writes; n != writes {
			t.Errorf("equal bytes were written %d times more", n-writes)
		}
		if older := w.e.Status().Keys[0].Older; len(older) > 0 {
			t.Errorf("the version of before is shown as an old one: %+v", older)
		}
	})
}
