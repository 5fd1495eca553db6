package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

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

func TestANameThatNobodyKnowsIsNotTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.source.set("API_KEY", "v1")
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		const pasted = "sk-ant-api03-Zt3Qw7LrXv5Nq8Kp2Ym4-AbCdEf"
		err := w.e.Refresh(t.Context(), []key.Name{pasted})
		if !errors.Is(err, key.ErrNotFound) || strings.Contains(err.Error(), "Zt3Qw7LrXv5") {
			t.Errorf("a key in the place of a name: %v", err)
		}
		if err := w.e.Refresh(t.Context(), []key.Name{"API_KYE"}); !strings.Contains(err.Error(), `key API_KYE: not found`) || !strings.Contains(err.Error(), `did you mean "API_KEY"?`) {
			t.Errorf("a slip: %v", err)
		}
	}, "API_KEY")
}
