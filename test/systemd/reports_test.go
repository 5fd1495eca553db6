package systemd

import (
	"errors"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/sandbox"
)

// complainer is a service that is refused, and logs it.
const complainer = `[Service]
Type=oneshot
User=app
ExecStart=/bin/sh -c 'echo "request failed: authentication_error"'
`

// Under the real unit a consumer's journal is read, and users report on a socket that
// they reach, for the keys of their own sinks.
func TestConsumersReportRefusals(t *testing.T) {
	w := newWorld(t, "P4: a refusal in a unit's journal, or told on report.sock, is heard under the real unit")
	key := strings.TrimSuffix(fileKey("K"), "}\n") + ", reports: {journal: {unit: complainer.service, match: authentication_error}}}\n"
	w.configure("keys:\n" + key + "sinks:\n  app: {kind: env_file, path: " + appSink + ", keys: all, mode: \"0640\", group: app}\n")
	w.newKey("K")
	w.put("/etc/systemd/system/complainer.service", complainer, 0o644)
	w.shell("livekey config systemd 2>/dev/null | install -D -m 0644 /dev/stdin " + sandbox.Place)
	w.run("systemctl", "daemon-reload")
	w.run("systemctl", "start", "livekey")
	life := "_SYSTEMD_INVOCATION_ID=" + w.show("InvocationID")
	heard := func() string { return w.run("journalctl", "--no-pager", "-q", "-o", "export", life, "LIVEKEY_KEY=K") }

	w.owned("/run/livekey/report.sock", "666 livekey livekey-admin")
	if out, exit := w.try("runuser", "-u", "app", "--", "livekey", "report", "K"); exit != 0 || !strings.Contains(out, "K: fine: anthropic accepts") {
		t.Errorf("a member of the sink's group: exit %d\n%s", exit, out)
	}
	if out, exit := w.try("runuser", "-u", "nobody", "--", "livekey", "report", "K"); exit != 2 || !strings.Contains(out, "no such key for you") {
		t.Errorf("somebody else: exit %d\n%s", exit, out)
	}
	w.run("systemctl", "restart", "livekey") // a new minute
	life = "_SYSTEMD_INVOCATION_ID=" + w.show("InvocationID")
	w.until("the unit's journal is a report", func() error {
		w.run("systemctl", "start", "complainer")
		if unread := w.run("livekey", "status"); strings.Contains(unread, "refusals are not seen") {
			return errors.New(unread)
		}
		return contains(heard, "refusal reported")()
	})
	if got := heard(); !strings.Contains(got, "unit:complainer.service") {
		t.Errorf("who complained is not told:\n%s", got)
	}
}
