package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// alert is what is open of one cause, nil if it is not.
func (w *world) alert(c key.Cause) *alerts.Data {
	for _, a := range w.e.Status().Alerts {
		if a.Cause == c {
			return &a
		}
	}
	return nil
}

// ended counts how often a cause was opened and resolved again.
func (c *fakeChannel) ended(cause key.Cause) (opened, resolved int) {
	for _, line := range c.story() {
		switch line {
		case "opened " + string(cause):
			opened++
		case "resolved " + string(cause):
			resolved++
		}
	}
	return opened, resolved
}

func TestRevokedBeforeAdoption(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		w.keepsVersions("v1")
		l.has(unit("app.service", "v1"), unit("worker.service", "v1"))
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(15 * time.Minute)
		a := w.alert(key.RevokedEarly)
		if a == nil || a.Severity != key.Critical {
			t.Fatalf("the old key is refused, two consumers have it, and told is %+v", w.e.Status().Alerts)
		}
		if !slices.Equal(a.Affected, []string{"unit:app.service", "unit:worker.service"}) { // the sink has the new one
			t.Errorf("affected are %q", a.Affected)
		}

		// Killed and started again: it is the same alert, open on.
		w.stop()
		w.start()
		pass(3 * time.Hour) // by now the refusal is confirmed
		if again := w.alert(key.RevokedEarly); again == nil || again.ID != a.ID {
			t.Fatalf("after a restart told is %+v, want %s", again, a.ID)
		}
		if opened, _ := w.channel.ended(key.RotationComplete); opened != 0 {
			t.Fatal("complete, and two consumers have a dead key")
		}

		l.has(unit("app.service", "v2"), unit("worker.service", "v1"))
		pass(11 * time.Minute)
		if now := w.alert(key.RevokedEarly); now == nil || now.ID != a.ID || slices.Contains(now.Affected, "unit:app.service") {
			t.Fatalf("app.service has the new key, and told is %+v", now)
		}
		l.has(unit("app.service", "v2"), unit("worker.service", "v2"))
		pass(11 * time.Minute)
		if w.alert(key.RevokedEarly) != nil {
			t.Fatal("everybody has the new key, and it is open")
		}
		pass(24 * time.Hour)
		if opened, resolved := w.channel.ended(key.RotationComplete); opened != 1 || resolved != 1 {
			t.Fatalf("complete opened %d times and resolved %d times", opened, resolved)
		}
	})
}

func TestNeverRevoked(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		l.has(unit("app.service", "v1"))
		w.source.set("K", "v2")
		pass(23 * time.Hour)
		if w.alert(key.OverlapTooLong) != nil {
			t.Fatal("told before the grace was over")
		}
		pass(65 * time.Minute)
		a := w.alert(key.OverlapTooLong)
		if a == nil || !slices.Contains(a.Affected, "unit:app.service") || !strings.Contains(strings.Join(a.Actions, "\n"), "livekey safe-to-revoke K") {
			t.Fatalf("told %+v", a)
		}
		pass(4 * 24 * time.Hour)
		if opened, resolved := w.channel.ended(key.OverlapTooLong); opened != 1 || resolved != 0 || len(w.channel.story()) > 3 {
			t.Fatalf("told %q", w.channel.story())
		}
		l.has(unit("app.service", "v2"))
		pass(11 * time.Minute)
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(8 * time.Hour)
		if w.alert(key.OverlapTooLong) != nil {
			t.Fatal("it was revoked, and overlap_too_long is open")
		}
		if opened, _ := w.channel.ended(key.RotationComplete); opened != 1 {
			t.Fatalf("complete told %d times", opened)
		}
		if opened, _ := w.channel.ended(key.RevokedEarly); opened != 0 {
			t.Fatal("revoked_early, and nobody had it any more")
		}
	})
}

// The backend goes back while the rotation runs: the old version is current again, and
// the one that was current is the old one.
func TestARollbackWhileTheRotationRuns(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		l.has(unit("app.service", "v1"))
		w.source.set("K", "v2")
		pass(25 * time.Hour)
		if w.alert(key.OverlapTooLong) == nil {
			t.Fatal("v1 lives on, and nobody is told")
		}
		w.source.set("K", "v1") // by a new number: `kv rollback`
		pass(time.Minute)
		w.wantSink("v1")
		s := w.e.Status().Keys[0]
		if len(s.Older) != 1 || s.Older[0].Fingerprint == s.Current.Fingerprint {
			t.Fatalf("current %+v, older %+v", s.Current, s.Older)
		}
		if open := w.e.Status().Alerts; len(open) != 0 {
			t.Fatalf("v1 is current, and told is %+v", open)
		}
		w.issuer.is("v2", key.Dead, key.Invalid, "")
		pass(3 * time.Hour)
		if a := w.alert(key.RevokedEarly); a != nil {
			t.Fatalf("nobody had v2: %+v", a)
		}
		if opened, _ := w.channel.ended(key.RotationComplete); opened != 1 {
			t.Fatalf("complete told %d times", opened)
		}
	})
}

// A sink that still has the old version is no proof that the rollback to it was written:
// after a restart what is held stays held.
func TestAHeldRollbackIsNotDeliveredByARestart(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.sinks["behind"] = &fakeSink{}
		w.policy = func(p *rotation.Policy) { p.Rollback = rotation.RollbackNever }
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.sinks["behind"].fail(errBoom)
		w.source.set("K", "v2")
		pass(time.Minute)
		w.source.mu.Lock()
		w.source.records["K"], w.source.number["K"] = "v1", 1
		w.source.mu.Unlock()
		pass(time.Minute)
		w.stop()
		w.sinks["behind"].fail(nil)
		w.start()
		defer w.stop()
		pass(5 * time.Minute)
		w.wantSink("v2")
	})
}

// A kill between the last sink's write and its record: the old version is in no sink, and
// its grace begins.
func TestTheGraceBeginsAlsoAfterAKill(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.sinks["other"] = &fakeSink{}
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.sinks["other"].fail(errBoom)
		w.source.set("K", "v2")
		pass(time.Second)
		w.stop()
		w.sinks["other"].fail(nil)
		w.sinks["other"].set(map[string]string{"K": "v2"}, true) // written, and killed
		w.keepsVersions("v1")
		w.start()
		defer w.stop()
		pass(25 * time.Hour)
		if w.alert(key.OverlapTooLong) == nil {
			t.Fatalf("told %q", w.channel.story())
		}
	})
}

// What consumers failed on is taken back, held, and delivered again by a person alone.
func TestAVersionThatConsumersFailedOn(t *testing.T) {
	watched(t, func(t *testing.T, w *world, _ *fakeLooker) {
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		k := w.e.keys["K"]
		k.post(rotation.Failed{At: now(), Fingerprint: salted.Part(secretOf("v2")), Consumer: "unit app.service", Revert: true})
		pass(time.Second)
		w.wantSink("v1")
		pass(time.Hour)
		w.wantSink("v1")
		w.stop()
		w.start()
		pass(time.Hour)
		w.wantSink("v1")
		if c := w.e.Status().Keys[0].Candidate; c == nil || c.HeldBy != "failed" {
			t.Fatalf("candidate %+v", c)
		}
		if err := w.e.Approve(t.Context(), "K", "", admin.Approval{By: "ada", Reason: "the consumer is mended"}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.wantSink("v2")
	})
}

// Stopped between the failure and the answer about the predecessor, it is put back after
// the start: its value comes from the sink that never had the failing one.
func TestARevertOutlivesAStop(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.sinks["behind"] = &fakeSink{}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.sinks["behind"].fail(errBoom)
		w.source.set("K", "v2")
		pass(10 * time.Second)
		w.issuer.blocked(key.Transient)
		w.e.keys["K"].post(rotation.Failed{At: now(), Fingerprint: salted.Part(secretOf("v2")), Consumer: "unit app.service", Revert: true})
		pass(time.Second)
		w.stop()
		w.issuer.blocked("")
		w.sinks["behind"].fail(nil)
		w.start()
		defer w.stop()
		pass(time.Minute)
		w.wantSink("v1")
	})
}

func TestWatchPreviousOffAsksNobodyAboutOldVersions(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) { p.WatchPrevious = false }
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Minute)
		asked := w.issuer.count("v1")
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(72 * time.Hour)
		w.stop()
		w.start()
		defer w.stop()
		pass(72 * time.Hour)
		if n := w.issuer.count("v1"); n != asked {
			t.Errorf("asked %d times about an old version", n-asked)
		}
		w.wantStory()
	})
}
