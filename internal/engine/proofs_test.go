package engine

import (
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// A sink that comes back late must not be given what was live long ago.
func TestAProofThatIsTooOldIsRenewedBeforeItIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		outcome key.Outcome
		reason  key.Reason
		want    string
	}{
		"it still lives":       {key.Live, key.Valid, "v2"},
		"it is dead meanwhile": {key.Dead, key.Revoked, "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.source.set("K", "v1")
				w.issuer.is("v1", key.Live, key.Valid, "ours")
				w.start()
				defer w.stop()
				pass(time.Second)
				w.sinks["app"].fail(errBoom)
				w.issuer.is("v2", key.Live, key.Valid, "ours")
				w.source.set("K", "v2")
				pass(time.Second)
				proved := w.issuer.count("v2")
				w.issuer.is("v2", c.outcome, c.reason, "ours")
				pass(11 * time.Minute) // more than one probe interval
				w.sinks["app"].fail(nil)
				pass(2 * time.Minute)
				w.wantSink(c.want)
				if w.issuer.count("v2") == proved {
					t.Fatal("its issuer was not asked again")
				}
			})
		})
	}
}

// One sink is empty, the other has an older version: only the empty one is filled
// without a proof.
func TestAnExceptionForAnEmptySinkLeavesTheFullOneAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		app, files := w.sinks["app"], &fakeSink{}
		w.sinks["files"] = files
		w.source.set("K", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		pass(time.Second)
		files.fail(errBoom)
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Second)
		w.stop()
		app.set(nil, false)
		files.fail(nil)
		w.issuer.blocked(key.Transient)
		w.start()
		defer w.stop()
		pass(time.Minute)
		if app.get("K") != "v2" || app.reasons["K"] != key.Transient {
			t.Errorf("the empty sink has %q, unproved for %q", app.get("K"), app.reasons["K"])
		}
		if files.get("K") != "v1" {
			t.Errorf("without a proof %q replaced v1", files.get("K"))
		}
		w.issuer.blocked("")
		pass(10 * time.Minute)
		w.wantSink("v2")
	})
}

// A file that comes between two looks for drift is seen by the writer itself.
func TestAnExceptionReplacesNoFileThatCameAfterTheLastLook(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) { p.PublishIfEmpty = true }
		w.setup = func(o *Options) { o.StartupWait = driftEvery / 3 }
		w.source.set("K", "v1")
		w.issuer.blocked(key.Transient)
		w.start()
		defer w.stop()
		pass(driftEvery/3 - time.Second)
		w.sinks["app"].set(map[string]string{"K": "by hand"}, false)
		pass(2 * time.Minute)
		w.wantSink("by hand")
	})
}
