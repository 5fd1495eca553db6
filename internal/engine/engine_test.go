package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// bubble runs f with a world in bubble time.
func bubble(t *testing.T, f func(t *testing.T, w *world), keys ...string) {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{"K"}
	}
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, keys...)) })
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAKeyIsProvedBeforeItIsDelivered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.wantSink("v1")
		w.wantStory()
		if w.issuer.count("v1") != 1 {
			t.Fatalf("asked %d times", w.issuer.count("v1"))
		}
		select {
		case <-w.e.Started():
		default:
			t.Fatal("delivered, and not started")
		}
		if s := w.e.Status(); !s.Ready || s.Keys[0].Current.Outcome != key.Live {
			t.Fatalf("status %+v", s)
		}
	})
}

// keeping is a source with work of its own between reads.
type keeping struct {
	*fakeSource
	began, ended atomic.Int64
}

func (k *keeping) Keep(ctx context.Context) {
	k.began.Add(1)
	<-ctx.Done()
	k.ended.Add(1)
}

func TestASourceKeepsItsLoginWhileItRunsAndNoLonger(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		k := &keeping{fakeSource: w.source}
		w.setup = func(o *Options) { o.Sources["src"] = k }
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Hour)
		if k.began.Load() != 1 || k.ended.Load() != 0 {
			t.Errorf("begun %d times, ended %d times", k.began.Load(), k.ended.Load())
		}
		w.stop()
		if k.ended.Load() != 1 {
			t.Error("run ended before the source did")
		}
	})
}

func TestACandidateIsRefusedAndTheLastGoodStays(t *testing.T) {
	for name, c := range map[string]struct {
		value   string
		outcome key.Outcome
		reason  key.Reason
		org     string
		cause   string
	}{
		"dead":               {"v2", key.Dead, key.Invalid, "", "candidate_rejected"},
		"malformed":          {"v2\n", key.Live, key.Valid, "ours", "candidate_rejected"},
		"blocked":            {"v2", key.Live, key.Blocked, "ours", "candidate_worse"},
		"of somebody else":   {"v2", key.Live, key.Valid, "theirs", "candidate_misplaced"},
		"of nobody by name":  {"v2", key.Live, key.Valid, "", "candidate_misplaced"},
		"a wrong auth class": {"v2", key.Unknown, key.WrongAuthMethod, "", "candidate_unproved"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(_ *testing.T, w *world) {
				w.source.set("K", "v1")
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.start()
				defer w.stop()
				pass(time.Second)
				w.issuer.is(c.value, c.outcome, c.reason, c.org)
				w.source.set("K", c.value)
				pass(3 * time.Second)
				w.wantSink("v1")
				w.wantStory("opened " + c.cause)
				w.issuer.is("v3", key.Live, key.Valid, "ours")
				w.source.set("K", "v3")
				pass(time.Second)
				w.wantSink("v3")
				w.wantStory("opened "+c.cause, "resolved "+c.cause)
			})
		})
	}
}

func TestAnOutageChangesNothing(t *testing.T) {
	for _, road := range []key.Reason{key.Transient, key.Intercepted, key.Unauthenticated} {
		t.Run(string(road), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.source.set("K", "v1")
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.start()
				defer w.stop()
				pass(time.Second)
				w.issuer.blocked(road)
				pass(6 * time.Hour)
				w.wantSink("v1")
				if s := w.e.Status(); s.Keys[0].Current.Outcome != key.Live || s.Keys[0].Current.Suspect {
					t.Fatalf("status %+v", s.Keys[0].Current)
				} else if s.Keys[0].Current.Unanswered != road {
					t.Fatalf("status does not say that nobody answers: %+v", s.Keys[0].Current)
				}
				w.issuer.blocked("")
				pass(time.Hour)
				for _, a := range w.e.Status().Alerts {
					t.Errorf("still open: %s", a.Cause)
				}
			})
		})
	}
}

func TestADeadKeyIsToldOnceAndHealedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(10 * time.Minute)
		if s := w.e.Status(); !s.Keys[0].Current.Suspect {
			t.Fatal("rejected, and not suspect")
		}
		w.wantStory()
		pass(2 * time.Minute)
		w.wantStory("opened key_dead")
		w.wantSink("v1") // P3: no verdict blanks what is delivered
		pass(24 * time.Hour)
		w.wantStory("opened key_dead")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSink("v2")
		w.wantStory("opened key_dead", "resolved key_dead")
	})
}

func TestARejectionReadsTheSourceAtOnce(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.setup = func(o *Options) { o.Keys[0].Refresh = 24 * time.Hour }
		w.start()
		defer w.stop()
		pass(time.Second)
		w.source.changed = nil // nobody tells
		w.source.set("K", "v2")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.issuer.is("v1", key.Dead, key.Revoked, "")
		pass(10*time.Minute + time.Second)
		w.wantSink("v2")
		w.wantStory()
	})
}

func TestEqualKeysAreProbedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "same")
		}
		w.issuer.is("same", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(24 * time.Hour)
		// 144 intervals of ten minutes, up to a tenth shorter: one key's worth, not three.
		if n := w.issuer.count("same"); n < 144 || n > 165 {
			t.Fatalf("asked %d times in a day for three equal keys", n)
		}
	}, "A", "B", "C")
}

func TestABudgetStretchesTheInterval(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) { p.Probe = time.Minute }
		w.setup = func(o *Options) { o.Keys[0].Budget = 200 }
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(12 * time.Hour)
		if n := w.issuer.count("v1"); n < 60 || n > 110 {
			t.Fatalf("asked %d times in half a day; the budget is 200 a day, and would be 720 unheeded", n)
		}
		pass(11 * time.Hour)
		if n := w.issuer.count("v1"); n > 200 {
			t.Fatalf("asked %d times in a day, the budget is 200", n)
		}
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSink("v2") // what is kept for candidates is there
	})
}

func TestAliveNeedsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.fail(errBoom)
		w.issuer.blocked(key.Transient)
		w.start()
		pass(time.Hour)
		if err := w.e.Alive(); err != nil {
			t.Fatal(err)
		}
		w.stop()
		pass(time.Hour)
		if err := w.e.Alive(); err == nil {
			t.Fatal("alive, and nothing is scheduled any more")
		}
	})
}

func TestRestartConverges(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		w.stop()
		writes := w.sinks["app"].writes
		w.source.fail(errBoom) // every backend is down
		w.start()
		defer w.stop()
		pass(time.Second)
		if w.sinks["app"].writes != writes {
			t.Fatal("equal bytes were written again")
		}
		if w.issuer.count("v1") != 2 {
			t.Fatal("what the sink has is not proved again at start")
		}
		select {
		case <-w.e.Started():
		default:
			t.Fatal("everything is delivered, and it is not started")
		}
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(20 * time.Minute)
		if w.channel.story()[len(w.channel.story())-1] != "opened key_dead" {
			t.Fatalf("told %q", w.channel.story())
		}
	})
}

func TestUnknownIsHeldUnlessTheConfigSaysOtherwise(t *testing.T) {
	for name, publish := range map[string]bool{"hold": false, "publish_if_empty": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.policy = func(p *rotation.Policy) { p.PublishIfEmpty = publish }
				w.source.set("K", "v1")
				w.issuer.blocked(key.Transient)
				w.start()
				defer w.stop()
				pass(29 * time.Second)
				w.wantSink("")
				pass(2 * time.Second)
				want := ""
				if publish {
					want = "v1"
				}
				w.wantSink(want)
				select {
				case <-w.e.Started():
				default:
					t.Fatal("startup_wait is over, and it is not started")
				}
			})
		})
	}
}

func TestSiblingsAreNotCalledDeadTogetherAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "v-"+k)
			w.issuer.is("v-"+k, key.Live, key.Valid, "ours")
		}
		w.policy = func(p *rotation.Policy) { p.Probe = time.Minute }
		w.start()
		defer w.stop()
		pass(time.Second)
		for _, k := range w.keys {
			w.issuer.is("v-"+k, key.Dead, key.Invalid, "")
		}
		pass(10 * time.Minute)
		if got := w.channel.story(); len(got) == 0 || got[0] != "opened issuer_suspect" || len(w.channel.got[len(got)-1].Data.Affected) != 3 {
			t.Fatalf("told %q", got)
		}
		for _, s := range w.channel.story() {
			if s == "opened key_dead" {
				t.Fatal("called dead within fifteen minutes")
			}
		}
		pass(10 * time.Minute)
		dead := 0
		for _, a := range w.e.Status().Alerts {
			if a.Cause == key.KeyDead {
				dead++
			}
		}
		if dead != 1 {
			t.Fatalf("%d alerts of dead keys, want one for all", dead)
		}
	}, "A", "B", "C")
}

func TestOneSlowIssuerDelaysNoOtherKey(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		slow := &fakeIssuer{keys: map[string]key.Verdict{}, asked: map[string]int{}, delay: 15 * time.Second}
		slow.is("vB", key.Live, key.Valid, "")
		w.setup = func(o *Options) { o.Keys[1].Checker, o.Keys[1].Host = slow, "slow.example" }
		w.source.set("A", "vA")
		w.source.set("B", "vB")
		w.issuer.is("vA", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(100 * time.Millisecond)
		w.wantSink("vA")
		pass(20 * time.Second)
		if got := w.sinks["app"].get("B"); got != "vB" {
			t.Fatalf("B is %q", got)
		}
	}, "A", "B")
}

func TestOneKnocksForAllAtASourceThatIsDown(t *testing.T) {
	var keys []string
	for i := range 20 {
		keys = append(keys, fmt.Sprintf("K%d", i))
	}
	bubble(t, func(t *testing.T, w *world) {
		for _, k := range w.keys {
			w.source.set(k, "v-"+k)
			w.issuer.is("v-"+k, key.Live, key.Valid, "ours")
		}
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.source.fail(errBoom)
		pass(time.Minute)
		before := w.source.count()
		pass(time.Hour)
		if n := w.source.count() - before; n > 1600 { // every 2.5 s and up to as much again, whatever the keys
			t.Errorf("%d reads in an hour for 20 keys", n)
		}
		w.source.fail(nil)
		before = w.source.count()
		pass(6 * time.Second)
		if n := w.source.count() - before; n < 20 {
			t.Errorf("6 s after its return %d of 20 keys were read", n)
		}
	}, keys...)
}
