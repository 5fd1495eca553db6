package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

const rollbackConfig = `
sources:
  vault: {address: $VAULT, ca_file: "$VAULT_CA", $AUTH}
keys:
  A: {from: "vault://$MOUNT/prod/llm#anthropic", provider: anthropic, base_url: $ISSUER}
` + oneSink

// `vault kv rollback` makes the first version the newest again, while the consumers of the
// second have not been told yet.
func TestARollbackInVaultWhileTheRotationRuns(t *testing.T) {
	need.All(t, "P2 P5: a rollback in a real Vault while the rotation runs", need.Linux)
	t.Parallel()
	v := servers.Vault(t)
	w := newWorld(t)
	w.useVault(v, "secret", "approle", logins[0].auth)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	giveAppRole(w, v, "reader")
	w.gather(2*time.Second, 50*time.Millisecond)
	w.configure(rollbackConfig)
	put := func(value string) { v.Put("secret", "prod/llm", map[string]any{"anthropic": value}) }
	first, second, last := w.newKey(), w.newKey(), w.newKey()
	put(first)
	s := w.supervise()
	w.start().awaitReady()
	w.until("the first delivery is told", patience, s.told(1))
	w.until("the child has it", patience, s.runsWith(first))
	w.until("nothing is owed", patience, w.owed(false))
	child := s.child()

	put(second)
	w.until("the second version is delivered", patience, has(w, second))
	must(t, w.sees(child, report.HeldPrevious)())
	put(first)
	w.until("the rollback is delivered", patience, has(w, first))
	if err := s.told(1)(); err != nil {
		t.Fatalf("the machine was too slow for this test: %v", err)
	}
	must(t, w.sees(child, report.HeldCurrent)())
	k := w.key("A")
	if k.Current == nil || k.Current.Version != "3" || k.Current.Outcome != key.Live {
		t.Errorf("version 3 is not shown as current and live: %+v", k.Current)
	}
	if len(k.Older) != 1 || k.Older[0].Version != "2" {
		t.Errorf("the second version alone is an old one, not %+v", k.Older)
	}
	w.until("nothing is owed", patience, w.owed(false))
	must(t, s.runsWith(first)())

	// Nobody has the second version: that it is revoked harms nobody.
	w.issuer.Revoke(second)
	w.until("the second version is seen to be dead", patience, func() error {
		for _, o := range w.key("A").Older {
			if o.Version == "2" && o.Outcome == key.Dead {
				return nil
			}
		}
		return errors.New("it is not")
	})
	for _, a := range w.hook.received() {
		switch a.Data.Cause {
		case key.RevokedEarly, key.KeyDead, key.KeySuspect, key.VersionRegressed, key.ReloadFailed:
			t.Errorf("an alert %s: %s", a.Data.Cause, a.Data.Summary)
		}
	}

	// What was rolled back to goes on being watched, and the next rotation is told as ever.
	told := s.signals()
	put(last)
	w.until("the next rotation is delivered", patience, has(w, last))
	w.until("and told", patience, s.told(told+1))
	w.until("the child has it", patience, s.runsWith(last))
	for _, o := range w.key("A").Older {
		if o.Version != "2" && o.Version != "3" {
			t.Errorf("an old version %s, which is the same as 3", o.Version)
		}
	}
	must(t, w.sees(s.child(), report.HeldCurrent)())
}
