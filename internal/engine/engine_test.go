package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
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

func TestApproveOverrulesOwnerAndRankNeverTheIssuer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		by := admin.Approval{By: "ann", Reason: "moved"}
		w.source.set("K", "dead")
		pass(3 * time.Second)
		if err := w.e.Approve(context.Background(), "K", "", by); err == nil {
			t.Fatal("a dead candidate was approved")
		}
		w.issuer.is("theirs", key.Live, key.Valid, "theirs")
		w.source.set("K", "theirs")
		pass(3 * time.Second)
		w.wantSink("v1")
		if err := w.e.Approve(context.Background(), "K", "", by); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.wantSink("theirs")
		var kept []approval
		if err := w.e.store.Each(kindApproval, func(_ string, raw json.RawMessage) error {
			var a approval
			err := json.Unmarshal(raw, &a)
			kept = append(kept, a)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(kept) != 1 || kept[0].Approval != by || kept[0].Hold != rotation.HoldMisplaced || kept[0].At.IsZero() {
			t.Errorf("kept of who overruled what and why: %+v", kept)
		}
	})
}

func TestAPauseWritesNothingAndLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		if err := w.e.Pause("", time.Now().Add(time.Hour), "freeze"); err != nil {
			t.Fatal(err)
		}
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v1")
		w.stop() // a pause outlives a restart
		w.start()
		defer w.stop()
		pass(30 * time.Minute)
		w.wantSink("v1")
		if k := w.e.Status().Keys[0]; k.PausedUntil.IsZero() || k.PauseReason != "freeze" {
			t.Errorf("paused until %v for %q", k.PausedUntil, k.PauseReason)
		}
		pass(40 * time.Minute)
		w.wantSink("v2")
		if k := w.e.Status().Keys[0]; !k.PausedUntil.IsZero() || k.PauseReason != "" {
			t.Errorf("after its end paused until %v for %q", k.PausedUntil, k.PauseReason)
		}
	})
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
