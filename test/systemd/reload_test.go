package systemd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/sandbox"
)

// reader is a program that notes the key that it was started with, and ends at once if
// that is one that it cannot work with. SIGHUP makes it note that it heard.
const reader = `#!/bin/sh
mkdir -p /run/consumer
printf %s "$K" >/run/consumer/$1
if [ -e /run/consumer/bad-$1 ] && [ "$K" = "$(cat /run/consumer/bad-$1)" ]; then exit 1; fi
trap 'echo heard >>/run/consumer/heard-$1' HUP
while :; do sleep 1 & wait; done
`

const readerUnit = `[Service]
EnvironmentFile=-` + appSink + `
ExecStart=/usr/local/bin/reader %i
KillMode=control-group
TimeoutStopSec=5s
`

// tenAndOne has ten units in order, and one that never runs.
const tenAndOne = `
keys:
` + "%s" + `sinks:
  app:
    kind: env_file
    path: ` + appSink + `
    keys: [K]
    on_change:
      systemd: [` + "%s" + `idle.service]
      settle: 200ms
      wait: {min: 50ms, max: 1s}
      on_failure: revert
`

// invocation changes whenever a unit is started.
func (w *world) invocation(unit string) string {
	w.t.Helper()
	return w.run("systemctl", "show", "--value", "--property=InvocationID", unit)
}

// started says whether a reader was started with a key.
func (w *world) started(n int, value string) func() error {
	return func() error {
		got, err := os.ReadFile(w.path(fmt.Sprint("/run/consumer/", n)))
		if err == nil && string(got) != value {
			err = fmt.Errorf("reader %d was started with another key", n)
		}
		return err
	}
}

func (w *world) status() string { out, _ := w.try("livekey", "status"); return out }

// Units are restarted by a livekey without any privilege, as far as the rule that it
// prints goes: in order, each only if it runs, none behind one that fails, and with a
// version that one fails on taken back.
func TestUnitsAreToldThroughPolkit(t *testing.T) {
	w := newWorld(t, "on_change: units are restarted with the new key, in order, and the rest left alone behind one that fails")
	const units = 10
	w.shell("rm -f " + sandbox.RulePlace + "; systemctl stop 'reader@*' idle 2>/dev/null; systemctl reset-failed; systemctl start dbus polkit")
	t.Cleanup(func() { _, _ = w.try("systemctl", "stop", "reader@*") })
	w.put("/usr/local/bin/reader", reader, 0o755)
	w.put("/etc/systemd/system/reader@.service", readerUnit, 0o644)
	w.put("/etc/systemd/system/idle.service", strings.ReplaceAll(readerUnit, "%i", "idle"), 0o644)
	w.run("systemctl", "daemon-reload")
	var names string
	for n := 1; n <= units; n++ {
		names += fmt.Sprintf("reader@%d.service, ", n)
	}
	w.configure(fmt.Sprintf(tenAndOne, fileKey("K"), names))

	v1 := w.newKey("K")
	w.run("systemctl", "start", "livekey")
	w.until("the first delivery", contains(w.status, "ready"))
	if state, _ := w.try("systemctl", "is-active", "reader@1", "reader@10"); strings.Contains(state, "\nactive") || strings.HasPrefix(state, "active") {
		t.Fatalf("readers are %s: livekey started what did not run", state)
	}
	w.shell("systemctl start reader@{1..10}")
	for n := 1; n <= units; n++ {
		w.until("a reader", w.started(n, v1))
	}

	// Without a rule nobody is told, and it is said what to do.
	first := w.invocation("reader@1")
	v2 := w.newKey("K")
	w.until("what is missing", contains(w.status, "livekey config systemd"))
	if w.invocation("reader@1") != first {
		t.Error("reader 1 was restarted without a rule")
	}
	if out, exit := w.try("livekey", "config", "check"); exit == 0 || !strings.Contains(out, "no rule lets it") || !strings.Contains(out, "polkit.addRule") {
		t.Errorf("config check exits %d\n%s", exit, out)
	}

	w.shell(sandboxStep(sandbox.RuleStep))
	w.run("livekey", "refresh", "K")
	w.until("its end", func() error {
		if strings.Contains(w.status(), "reload is owed") {
			return errors.New(w.status())
		}
		return nil
	})
	for n := 1; n <= units; n++ {
		if err := w.started(n, v2)(); err != nil {
			t.Error(err)
		}
	}
	if out, exit := w.try("livekey", "config", "check"); exit != 0 {
		t.Errorf("config check exits %d\n%s", exit, out)
	}

	// The fourth fails: the rest are left alone, and the version before comes back.
	before := make([]string, units+1)
	for n := 1; n <= units; n++ {
		before[n] = w.invocation(fmt.Sprintf("reader@%d", n))
	}
	v3 := fakeissuer.NewAnthropicKey()
	w.put("/run/consumer/bad-4", v3, 0o644)
	w.issuer.Add(v3, account)
	w.source("K", v3)
	w.until("what failed", contains(w.status, "held: its consumers"))
	for _, n := range []int{1, 2, 3, 4} {
		w.until("the version before", w.started(n, v2))
		w.until("a reader that is back", func() error {
			if state, _ := w.try("systemctl", "is-active", fmt.Sprintf("reader@%d", n)); strings.TrimSpace(state) != "active" {
				return fmt.Errorf("reader %d is %s", n, state)
			}
			return nil
		})
		if w.invocation(fmt.Sprintf("reader@%d", n)) == before[n] {
			t.Errorf("reader %d was not restarted", n)
		}
	}
	for n := 5; n <= units; n++ {
		if w.invocation(fmt.Sprintf("reader@%d", n)) != before[n] {
			t.Errorf("reader %d was restarted behind the one that failed", n)
		}
	}
	if log := w.run("journalctl", "--no-pager", "-q", "-u", "livekey"); !strings.Contains(log, "reader@4.service did not come back with the new ") {
		t.Errorf("the log does not tell of it:\n%s", log)
	}

	// A unit that the rule does not name is refused, although the config does.
	if state, _ := w.try("systemctl", "is-active", "idle"); strings.TrimSpace(state) != "inactive" {
		t.Errorf("idle is %s: livekey started what did not run", state)
	}
	w.put("/etc/systemd/system/stranger.service", strings.ReplaceAll(readerUnit, "%i", "stranger"), 0o644)
	w.run("systemctl", "daemon-reload")
	w.run("systemctl", "start", "stranger")
	t.Cleanup(func() { _, _ = w.try("systemctl", "stop", "stranger") })
	stranger := w.invocation("stranger")
	w.configure(fmt.Sprintf(strings.ReplaceAll(tenAndOne, "idle.service", "stranger.service"), fileKey("K"), ""))
	w.run("systemctl", "reload", "livekey")
	w.until("the new config", contains(func() string { return w.run("livekey", "plan") }, "stranger"))
	w.newKey("K")
	w.until("the refusal", contains(w.status, "systemctl try-restart stranger.service: not allowed"))
	if w.invocation("stranger") != stranger {
		t.Error("polkit let livekey restart a unit that its rule does not name")
	}
}

// A process of another user is signaled with the drop-in that is printed, and without it
// livekey says that it may not.
func TestProcessesOfOthersNeedTheDropInThatIsPrinted(t *testing.T) {
	w := newWorld(t, "on_change: a process of another user is signaled with the drop-in that is printed")
	w.put("/usr/local/bin/reader", reader, 0o755)
	w.put("/etc/systemd/system/reader@.service", readerUnit, 0o644)
	w.run("systemctl", "daemon-reload")
	w.shell("rm -f /run/consumer/*; systemctl start dbus reader@sig")
	t.Cleanup(func() { _, _ = w.try("systemctl", "stop", "reader@sig") })
	w.configure("keys:\n" + fileKey("K") + `sinks:
  app:
    kind: directory
    path: /run/livekey/sinks/files
    keys: all
    on_change: {signal: HUP, unit: reader@sig.service, settle: 200ms, wait: {min: 50ms, max: 1s}}
`)
	w.newKey("K")
	w.run("systemctl", "start", "livekey")
	w.until("what is missing", contains(w.status, "livekey config systemd"))
	heard := func() error {
		_, err := os.Stat(w.path("/run/consumer/heard-sig"))
		return err
	}
	if heard() == nil {
		t.Error("it was signaled without the drop-in")
	}
	w.put(sandbox.Place, "[Service]\nProtectProc=default\n", 0o644) // it sees the process, and may not signal it
	w.shell("systemctl daemon-reload && systemctl restart livekey")
	w.until("the refusal", contains(w.status, "may not signal a process of uid 0"))
	w.shell(sandboxStep(sandbox.Steps[0]))
	w.shell("systemctl daemon-reload && systemctl restart livekey")
	w.until("the signal", heard)
	w.until("its end", contains(w.status, "ready"))
}

// sandboxStep is a command as livekey prints it, for root, who has no sudo here.
func sandboxStep(step string) string { return strings.ReplaceAll(step, "sudo ", "") }
