package engine

import (
	"context"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

func TestOnceTellsARefusalBeforeItLeaves(t *testing.T) {
	for name, value := range map[string]string{"dead": "v2", "malformed": "v2\n"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.source.set("K", value)
				o, j := w.options()
				defer j.Close()
				e, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				if err := e.Once(context.Background(), time.Second); err != nil {
					t.Fatal(err)
				}
				w.wantStory("opened candidate_rejected")
			})
		})
	}
}

func TestAFirstVerdictIsOneOfThisRun(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		w.stop()
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		o, j := w.options()
		defer j.Close()
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Once(context.Background(), time.Second); err != nil {
			t.Fatal(err)
		}
		w.wantSink("v2")
	})
}

func TestOnceEndsWhenEverythingIsDelivered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		o, j := w.options()
		defer j.Close()
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := e.Once(context.Background(), time.Second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Fatalf("took %v", took)
		}
		w.wantSink("v1")
	})
}

func TestOnceKnowsWhatItPublishedUnproved(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) { p.PublishIfEmpty = true }
		w.source.set("K", "v1")
		w.issuer.blocked(key.Transient)
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
		if c := e.Status().Keys[0].Current; c == nil || c.Unproved != key.Transient {
			t.Fatalf("status says %+v of what is in the sink", c)
		}
	})
}
