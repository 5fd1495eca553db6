package systemd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/sandbox"
)

// followed is a config of a key with a declared consumer, which is told by systemd.
const followed = `
keys:
  K: {from: file:///etc/livekey/keys.d/K, provider: anthropic, base_url: $ISSUER, consumers: ["unit:app.service"]}
sinks:
  app:
    kind: env_file
    path: ` + appSink + `
    keys: all
    on_change: {systemd: app.service, wait: {min: 2s, max: 2s}, settle: 200ms}
`

// From the new key to the old one's end, with nothing done by hand but the rotation and
// the revocation: told, restarted, seen, safe to revoke, dead.
func TestARotationIsFollowedToItsEnd(t *testing.T) {
	w := newWorld(t, "P5: a rotation is followed until the old key may go, under a real systemd")
	w.shell("systemctl start dbus polkit")
	w.put("/etc/systemd/system/app.service", "[Service]\nUser=app\nEnvironmentFile="+appSink+"\nExecStart=/bin/sleep 600\n", 0o644)
	w.run("systemctl", "daemon-reload")
	t.Cleanup(func() {
		_, _ = w.try("systemctl", "stop", "app", "livekey-holders.socket", "livekey-holders.service")
		_, _ = w.try("rm", "-f", "/etc/systemd/system/app.service", sandbox.RulePlace)
	})
	w.configure(followed)
	w.shell(sandboxStep(sandbox.RuleStep))
	first := w.newKey("K")
	w.run("systemctl", "enable", "--now", "livekey-holders.socket")
	w.run("systemctl", "start", "livekey")
	w.run("systemctl", "start", "app")
	if out, exit := w.try("livekey", "safe-to-revoke", "K"); exit != 4 {
		t.Errorf("with nothing to revoke safe-to-revoke exits %d\n%s", exit, out)
	}

	before := w.invocation("app")
	second := w.newKey("K")
	w.until("the sink has the new key", w.has(appSink, holding(second)))
	out, exit := w.try("livekey", "safe-to-revoke", "K")
	if w.invocation("app") == before && (exit != 5 || !strings.Contains(out, "app.service")) {
		t.Errorf("the unit has the old key, and safe-to-revoke exits %d\n%s", exit, out)
	}
	w.until("nobody needs the old key", func() error {
		if out, exit := w.try("livekey", "safe-to-revoke", "K"); exit != 0 {
			return fmt.Errorf("safe-to-revoke exits %d\n%s", exit, out)
		}
		return nil
	})
	if w.invocation("app") == before {
		t.Error("the unit was not restarted, and the old key is called free")
	}
	w.issuer.Revoke(first)
	w.until("the old key is dead", contains(func() string { return w.run("livekey", "rotations", "K", "--output", "json") }, `"refused"`))
	all := w.run("livekey", "rotations", "K", "--output", "json")
	for _, step := range []string{"seen", "proved", "delivered", "reloaded", "adopted", "refused"} {
		if !strings.Contains(all, `"what": "`+step+`"`) {
			t.Errorf("the evidence has no step %s:\n%s", step, all)
		}
	}
	if status, _ := w.try("livekey", "status"); strings.Contains(status, "revoked_early") {
		t.Errorf("somebody is alarmed:\n%s", status)
	}
	if strings.Contains(all, first) || strings.Contains(all, second) {
		t.Error("P7: the evidence has a value")
	}
}
