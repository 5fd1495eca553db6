package systemd

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	appSink = "/run/livekey/sinks/app/app.env"
	oneSink = "keys:\n%s" + "sinks:\n  app: {kind: env_file, path: " + appSink + ", keys: all}\n"
)

// holding is the line of an env file in which the variable K has a value without
// anything to quote.
func holding(value string) string { return "K=" + value }

func TestReadyComesAfterTheFirstVerdicts(t *testing.T) {
	w := newWorld(t, "P1: READY=1 only after first verdicts, under a real systemd")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	value := w.newKey("K")
	answer := w.gate.shut()
	defer answer()
	w.run("systemctl", "start", "--no-block", "livekey")
	w.until("the socket is there", func() error { _, err := os.Stat(w.path("/run/livekey/livekey.sock")); return err })
	time.Sleep(300 * time.Millisecond)
	if state := w.show("ActiveState"); state != "activating" {
		t.Errorf("nobody proved the key, and the unit is %s", state)
	}
	if w.has(appSink, holding(value))() == nil {
		t.Error("nobody proved the key, and it is delivered")
	}
	answer()
	w.until("the unit is active", contains(func() string { return w.show("ActiveState") }, "active"))
	w.until("it is ready", contains(func() string { return w.show("SubState") }, "running"))
	must(t, w.has(appSink, holding(value))())
	if text := w.show("StatusText"); text != "1 of 1 key delivered, 0 alerts open" {
		t.Errorf("the status is %q", text)
	}
	w.issuer.Revoke(value)
	w.source("K", "")

	// Who may ask.
	w.owned("/run/livekey", "711 livekey livekey")
	w.owned("/run/livekey/livekey.sock", "660 livekey livekey-admin")
	if out, exit := w.try("runuser", "-u", admin, "--", "livekey", "status"); exit == 1 || exit == 4 {
		t.Errorf("a member of livekey-admin asks, and gets %d: %s", exit, out)
	}
	if out, exit := w.try("runuser", "-u", "app", "--", "livekey", "status"); exit != 4 || !strings.Contains(out, "no permission for socket") {
		t.Errorf("somebody else asks, and gets %d: %s", exit, out)
	}
}

func TestTheSandboxIsAroundTheProcess(t *testing.T) {
	w := newWorld(t, "P7: the service's sandbox holds")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	w.newKey("K")
	w.run("systemctl", "start", "livekey")
	status := w.run("cat", "/proc/"+w.show("MainPID")+"/status")
	for _, line := range []string{"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, line) {
			t.Errorf("no %q in its status", line)
		}
	}
	if limits := w.run("grep", "core", "/proc/"+w.show("MainPID")+"/limits"); strings.Join(strings.Fields(limits), " ") != "Max core file size 0 0 bytes" {
		t.Errorf("core dumps: %s", limits)
	}
}

// A bad config changes nothing, and systemd says so; a good one is taken.
func TestReload(t *testing.T) {
	w := newWorld(t, "a bad config changes nothing, and systemd says so")
	good := fmt.Sprintf(oneSink, fileKey("K"))
	w.configure(good)
	w.newKey("K")
	w.run("systemctl", "start", "livekey")
	pid := w.show("MainPID")

	w.configure(good + "no_such_setting: 1\n")
	w.run("systemctl", "reload", "livekey")
	w.until("the status says that it was refused", contains(func() string { return w.show("StatusText") }, "reload refused, the config before holds: /etc/livekey/livekey.yaml:"))
	w.until("the unit goes on", contains(func() string { return w.show("SubState") }, "running"))
	w.until("the journal has why", contains(func() string { return w.run("journalctl", "-u", "livekey", "-o", "cat", "--no-pager") }, "no_such_setting"))
	second := w.newKey("K")
	w.until("the config before still delivers", w.has(appSink, holding(second)))

	w.configure(strings.ReplaceAll(good, appSink, "/run/livekey/sinks/other/app.env"))
	w.run("systemctl", "reload", "livekey")
	w.until("a good one is taken", w.has("/run/livekey/sinks/other/app.env", holding(second)))
	w.until("and said to be", contains(func() string { return w.show("StatusText") }, "1 of 1 key delivered"))
	if now := w.show("MainPID"); now != pid {
		t.Errorf("a reload started it anew: %s, then %s", pid, now)
	}
}

func TestTheWatchdogStartsAStuckLivekeyAnew(t *testing.T) {
	w := newWorld(t, "P9: a livekey that is stuck is started anew")
	w.put("/etc/systemd/system/livekey.service.d/quick.conf", "[Service]\nWatchdogSec=4s\nRestartSec=100ms\n", 0o644)
	w.run("systemctl", "daemon-reload")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	value := w.newKey("K")
	w.run("systemctl", "start", "livekey")
	before, pid := w.identity(), w.show("MainPID")
	time.Sleep(5 * time.Second) // longer than the watchdog's time
	if now := w.show("MainPID"); now != pid {
		t.Fatalf("the watchdog ended a livekey that is well")
	}

	w.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "livekey")
	w.until("systemd starts it anew", contains(func() string { return w.show("NRestarts") }, "1"))
	w.until("it is ready again", contains(func() string { return w.show("SubState") }, "running"))
	if log := w.run("journalctl", "--no-pager", "-u", "livekey", "-o", "cat"); !strings.Contains(log, "Watchdog timeout") || strings.Contains(log, value) {
		t.Errorf("no word of the watchdog, or a value, in the journal:\n%s", strings.ReplaceAll(log, value, "VALUE"))
	}
	if after := w.identity(); after != before {
		t.Errorf("the sink was %s, is %s", before, after)
	}
	must(t, w.has(appSink, holding(value))())
	second := w.newKey("K")
	w.until("it delivers", w.has(appSink, holding(second)))
}
