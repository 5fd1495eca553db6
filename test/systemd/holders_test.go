package systemd

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/report"
)

// holdersOf are those whom livekey, asked by a person, sees with K, by kind, unit and variable.
func (w *world) holdersOf() (who map[string]report.Holder, unseen string) {
	w.t.Helper()
	var r report.WhoHas
	must(w.t, json.Unmarshal([]byte(w.run("livekey", "who-has", "K", "--output", "json")), &r))
	who = map[string]report.Holder{}
	for _, h := range r.Holders {
		who[strings.Join([]string{h.Kind, h.Unit, h.Variable}, " ")] = h
	}
	return who, strings.Join(r.Unseen, "\n")
}

// The daemon is user livekey, and may look at nobody. What it learns comes from the service,
// which answers it alone.
func TestTheDaemonSeesWhoHoldsAKeyThroughTheService(t *testing.T) {
	w := newWorld(t, "holders: the daemon sees other users' processes through a service of its own")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	first := w.newKey("K")
	w.run("systemctl", "start", "livekey")
	w.run("systemctl", "enable", "--now", "livekey-holders.socket")
	w.put("/etc/systemd/system/app.service", "[Service]\nUser=app\nEnvironmentFile="+appSink+"\nExecStart=/bin/sleep 600\n", 0o644)
	w.put("/etc/systemd/system/stuck.service", "[Service]\nUser=app\nEnvironment=TOKEN="+first+"\nExecStart=/bin/sleep 600\n", 0o644)
	w.run("systemctl", "daemon-reload")
	w.run("systemctl", "set-environment", "LEFT="+first)
	w.run("systemctl", "start", "app", "stuck")
	t.Cleanup(func() {
		_, _ = w.try("systemctl", "unset-environment", "LEFT")
		_, _ = w.try("systemctl", "stop", "app", "stuck")
		_, _ = w.try("systemctl", "disable", "--now", "livekey-holders.socket")
		_, _ = w.try("rm", "/etc/systemd/system/app.service", "/etc/systemd/system/stuck.service")
	})

	var who map[string]report.Holder
	var unseen string
	w.until("the unit is seen with the version that it was started with", func() error { // once its process is its program
		who, unseen = w.holdersOf()
		if h := who["process app.service K"]; h.Stage != report.HeldCurrent || h.User != "app" || h.Variable != "K" {
			return fmt.Errorf("%+v\nunseen: %s", who, unseen)
		}
		return nil
	})
	second := w.newKey("K")
	w.until("the sink has the next version", w.has(appSink, "K="+second))
	w.until("the unit has the version before", func() error {
		who, unseen = w.holdersOf()
		if h := who["process app.service K"]; h.Stage != report.HeldPrevious || h.Fix != "systemctl restart app.service" {
			return fmt.Errorf("%+v\nunseen: %s", h, unseen)
		}
		return nil
	})
	if h := who["unit stuck.service TOKEN"]; h.Variable != "TOKEN" || h.Path != "/etc/systemd/system/stuck.service" || h.Stage != report.HeldPrevious {
		t.Errorf("Environment= of a unit: %+v", h)
	}
	if h := who["manager  LEFT"]; h.Variable != "LEFT" || h.Fix != "systemctl unset-environment LEFT" {
		t.Errorf("systemd's own environment: %+v", h)
	}
	if h := who["process app.service LEFT"]; h.Fix != "systemctl unset-environment LEFT, then systemctl restart app.service" {
		t.Errorf("a unit that would have the old one again from systemd's environment: %+v", h)
	}
	for step := range strings.SplitSeq(who["process app.service LEFT"].Fix, ", then ") {
		w.shell(step)
	}
	w.until("what livekey asks for has helped", func() error { // systemd is done before the process is its program
		who, unseen = w.holdersOf()
		if _, left := who["process app.service LEFT"]; left || who["process app.service K"].Stage != report.HeldCurrent {
			return fmt.Errorf("%+v", who)
		}
		return nil
	})
	if strings.Contains(unseen, "livekey-holders") {
		t.Errorf("the service is there, and livekey says: %s", unseen)
	}

	// Nobody else is answered, root neither.
	const ask = `import socket; s = socket.socket(socket.AF_UNIX); s.connect("/run/livekey-holders/holders.sock")
try: s.send(b"\0\x20" + b"s" * 32); print(len(s.recv(9)))
except (ConnectionResetError, BrokenPipeError): print(0)`
	if out, exit := w.try("runuser", "-u", "app", "--", "python3", "-c", ask); exit == 0 || !strings.Contains(out, "Permission") {
		t.Errorf("another user: exit %d, %s", exit, out)
	}
	if out := w.run("python3", "-c", ask); out != "0" {
		t.Errorf("root was answered with %s bytes", out)
	}
	if out := w.run("journalctl", "-q", "-u", "livekey-holders", "-o", "cat"); !strings.Contains(out, "uid 0 asks") || strings.Contains(out, first) {
		t.Errorf("the journal of the service: %s", out)
	}
	// And what it can reach on disk is itself.
	pid := w.run("systemctl", "show", "--value", "--property=MainPID", "livekey-holders")
	if out := w.shell("ls /proc/" + pid + "/root/ /proc/" + pid + "/root/etc"); strings.Contains(out, "home") || strings.Contains(out, "livekey") || !strings.Contains(out, "passwd") {
		t.Errorf("the service sees\n%s", out)
	}

	w.run("systemctl", "stop", "livekey-holders.socket", "livekey-holders.service")
	if who, unseen = w.holdersOf(); len(who["process app.service K"].Unit) > 0 || !strings.Contains(unseen, "systemctl enable --now livekey-holders.socket") {
		t.Errorf("without the service: %+v\nunseen: %s", who, unseen)
	}
}
