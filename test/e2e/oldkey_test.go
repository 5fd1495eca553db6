package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/test/need"
)

// hold starts a process with a value in its environment, which ends with the test.
func (w *world) hold(variable, value string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command("/bin/sleep", "120")
	cmd.Env = []string{variable + "=" + value}
	must(w.t, cmd.Start())
	w.t.Cleanup(func() { end(cmd) })
	return cmd
}

// end ends a process; one that has ended stays so.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// names says whether an alert names a process by its program.
func names(a alerts.Data, program string) bool {
	return slices.ContainsFunc(a.Affected, func(who string) bool { return strings.Contains(who, program) })
}

// rotated delivers a first key to a process that keeps it, and then a second one.
func rotated(w *world) (first string, holder *exec.Cmd) {
	w.t.Helper()
	first = w.newKey()
	w.put("A", first)
	w.start().awaitReady()
	must(w.t, w.holds(map[string]string{"A": first})())
	holder = w.hold("OPENAI_COMPATIBLE_KEY", first)
	second := w.newKey()
	w.put("A", second)
	w.until("the second key is delivered", patience, w.holds(map[string]string{"A": second}))
	must(w.t, w.sees(holder.Process.Pid, report.HeldPrevious)())
	return first, holder
}

// The issuer refuses the old key while a process has it: whoever revoked it did not know.
func TestAKeyIsRevokedBeforeItsSuccessorIsAdopted(t *testing.T) {
	need.All(t, "P5: revoked early, and the alert names who still has the old key", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	first, holder := rotated(w)
	w.issuer.Revoke(first)
	id := w.awaitWebhook(alerts.Opened, key.RevokedEarly, "A")
	a, err := w.openAlert(key.RevokedEarly, "A")
	if err != nil || a.ID != id || !names(a, "sleep") || len(a.Actions) == 0 {
		t.Errorf("the alert does not name the process that has it, and what to do: %+v (%v)", a, err)
	}
	must(t, w.sees(holder.Process.Pid, report.HeldDead)())
	if k := w.key("A"); k.Current == nil || k.Current.Outcome != key.Live {
		t.Errorf("the key itself is well: %+v", k.Current)
	}
	end(holder)
	w.livekey("who-has", "A") // looks
	if got := w.awaitWebhook(alerts.Resolved, key.RevokedEarly, "A"); got != id {
		t.Errorf("resolved under another id: %s, not %s", got, id)
	}
}

// Nobody revokes the old key: after its grace somebody is told, who has it and that it works.
func TestAKeyThatIsNeverRevoked(t *testing.T) {
	need.All(t, "P5: still valid after its grace", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + strings.Replace(fileKey("A"), "}", ", policy: {grace: 2s}}", 1) + twoSinks)
	first, _ := rotated(w)
	id := w.awaitWebhook(alerts.Opened, key.OverlapTooLong, "A")
	a, err := w.openAlert(key.OverlapTooLong, "A")
	if err != nil || a.ID != id || !names(a, "sleep") {
		t.Errorf("the alert does not name the process that has it: %+v (%v)", a, err)
	}
	if asked := w.issuer.Calls(first); asked < 2 {
		t.Errorf("the issuer was asked about the old key %d times", asked)
	}
	w.issuer.Revoke(first)
	if got := w.awaitWebhook(alerts.Resolved, key.OverlapTooLong, "A"); got != id {
		t.Errorf("resolved under another id: %s, not %s", got, id)
	}
	w.until("the old key is seen to be dead", patience, func() error {
		for _, o := range w.key("A").Older {
			if o.Outcome == key.Dead {
				return nil
			}
		}
		return fmt.Errorf("among %d old versions none is", len(w.key("A").Older))
	})
}
