package systemd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/sandbox"
)

// elsewhere is a config of all that the unit as shipped cannot do, and of one sink that it can.
const elsewhere = `
keys:
  K: {from: file:///home/me/keys/K, provider: anthropic, base_url: $ISSUER}
sinks:
  own:   {kind: env_file, path: ` + appSink + `, keys: all}
  group: {kind: env_file, path: /run/livekey/sinks/group/app.env, group: app, mode: "0640", keys: all}
  path:  {kind: env_file, path: /srv/app/keys.env, group: app, mode: "0640", keys: all}
  odd:   {kind: env_file, path: "/srv/odd dir:50%/keys.env", keys: all}
  home:  {kind: env_file, path: /home/app/keys/keys.env, keys: all}
  tmp: {kind: env_file, path: /tmp/keys/keys.env, keys: all}
  files: {kind: directory, path: /srv/files, keys: all}
`

// Each thing fails with a text that tells of the drop-in, alone, and all of them work
// with exactly what `config systemd` prints.
func TestSinksElsewhereNeedTheDropInThatIsPrinted(t *testing.T) {
	w := newWorld(t, "the drop-in that is printed is what a sink elsewhere needs")
	w.shell(`install -d -o livekey -g app -m 0750 /srv/app
install -d -o livekey -m 0700 "/srv/odd dir:50%" /srv/files
install -d -o livekey -m 0700 /home/app/keys /tmp/keys
install -d -m 0755 /home/me/keys`)
	w.configure(elsewhere)
	value := fakeissuer.NewAnthropicKey()
	w.issuer.Add(value, account)
	w.put("/home/me/keys/K", value, 0o640)
	w.run("chown", "root:livekey", "/home/me/keys/K")

	w.run("livekey", "config", "check") // nothing runs: nobody can tell
	// But a livekey that a unit started can tell of itself.
	inUnit := []string{"systemd-run", "--quiet", "--wait", "--pipe", "-p", "User=livekey", "-p", "ProtectSystem=strict", "livekey", "config", "check"}
	if out, exit := w.try(inUnit...); exit != 2 || !strings.Contains(out, "sinks.path.path: /srv/app is read-only for it") {
		t.Errorf("inside of a unit config check exits %d and says\n%s", exit, out)
	}
	w.run("systemctl", "start", "livekey")
	out, exit := w.try("livekey", "config", "check")
	if exit != 2 {
		t.Errorf("config check exits %d, not 2", exit)
	}
	dropIn := w.shell("livekey config systemd 2>/dev/null")
	for _, want := range []string{
		dropIn,
		"sinks.group.group: it is not in the group app",
		"sinks.path.path: /srv/app is read-only for it",
		"sinks.odd.path: /srv/odd dir:50% is read-only for it",
		"sinks.home.path: /home/app/keys is hidden from it",
		"sinks.tmp.path: /tmp/keys is hidden from it",
		"sinks.files.path: /srv/files is read-only for it",
		"keys.K.from: /home/me/keys is hidden from it",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("config check does not say %q, but\n%s", want, out)
		}
	}
	status, _ := w.try("livekey", "status", "--output", "json")
	for _, sink := range []string{"path", "odd", "files", "group"} {
		if at := strings.Index(status, `"name": "`+sink+`"`); at < 0 || !strings.Contains(status[at:], "`livekey config systemd` prints") {
			t.Errorf("the status of sink %s does not tell of the drop-in:\n%s", sink, status)
		}
	}

	for _, step := range sandbox.Steps {
		w.shell(strings.ReplaceAll(step, "sudo ", ""))
	}
	if out := w.run("systemd-analyze", "verify", "livekey.service"); out != "" {
		t.Errorf("systemd does not understand the drop-in: %s\n%s", out, dropIn)
	}
	w.run("livekey", "config", "check")
	for path, want := range map[string]string{
		appSink:                            "600 livekey livekey",
		"/run/livekey/sinks/group/app.env": "640 livekey app",
		"/srv/app/keys.env":                "640 livekey app",
		"/srv/odd dir:50%/keys.env":        "600 livekey livekey",
		"/tmp/keys/keys.env":               "600 livekey livekey",
		"/home/app/keys/keys.env":          "600 livekey livekey",
	} {
		w.until("the sink at "+path+" is written", w.has(path, holding(value)))
		w.owned(path, want)
	}
	w.owned("/run/livekey/sinks/group", "750 livekey app")
	if out := w.run("runuser", "-u", "app", "--", "cat", "/run/livekey/sinks/group/app.env"); !strings.HasSuffix(out, holding(value)) {
		t.Error("the app cannot read its own sink")
	}
	if out := w.run("cat", "/srv/files/K"); out != value {
		t.Error("the directory does not have the key")
	}
	if out, exit := w.try("runuser", "-u", "app", "--", "cat", appSink); exit == 0 {
		t.Errorf("the app can read another one's sink: %d bytes", len(out))
	}

	// What is bound is the folder: a file that is replaced is seen.
	second := fakeissuer.NewAnthropicKey()
	w.issuer.Add(second, account)
	w.put("/home/me/keys/K", second, 0o640)
	w.run("chown", "root:livekey", "/home/me/keys/K")
	w.until("a rotation is delivered to a sink elsewhere", w.has("/srv/app/keys.env", holding(second)))
}

func TestAForeignOwnerNeedsTheCapabilitiesThatArePrinted(t *testing.T) {
	w := newWorld(t, "the drop-in that is printed is what a foreign owner needs")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")) + "  other: {kind: env_file, path: /run/livekey/sinks/other/app.env, owner: app, keys: all}\n")
	value := w.newKey("K")
	w.run("systemctl", "start", "livekey")
	if out, exit := w.try("livekey", "config", "check"); exit != 2 || !strings.Contains(out, "sinks.other.owner: it has not the capabilities") {
		t.Errorf("config check exits %d and says\n%s", exit, out)
	}
	must(t, w.has(appSink, holding(value))())
	for _, step := range sandbox.Steps {
		w.shell(strings.ReplaceAll(step, "sudo ", ""))
	}
	w.until("the sink is written", w.has("/run/livekey/sinks/other/app.env", holding(value)))
	w.owned("/run/livekey/sinks/other/app.env", "600 app livekey")
	w.run("livekey", "config", "check")
	second := w.newKey("K")
	w.until("a rotation is delivered", w.has("/run/livekey/sinks/other/app.env", holding(second)))
	if _, err := os.Stat(w.path("/run/livekey/sinks/other/app.env")); err != nil {
		t.Error(err)
	}
}

// A file that root alone may read is handed over by systemd.
func TestACredentialIsReadWithTheLineThatIsHinted(t *testing.T) {
	w := newWorld(t, "a file that only root may read is handed over with LoadCredential=")
	w.configure(fmt.Sprintf(oneSink, "  K: {from: file://$CREDENTIALS_DIRECTORY/K, provider: anthropic, base_url: $ISSUER}\n"))
	value := fakeissuer.NewAnthropicKey()
	w.issuer.Add(value, account)
	w.put("/etc/roots/K", value, 0o600)
	dropIn := w.shell("livekey config systemd 2>/dev/null")
	const hint = "\n#   LoadCredential=K:/PATH/OF/THE/FILE"
	if !strings.Contains(dropIn, hint) {
		t.Fatalf("no hint in\n%s", dropIn)
	}
	w.put(sandbox.Place, strings.ReplaceAll(dropIn, hint, "\nLoadCredential=K:/etc/roots/K")+"\n", 0o644)
	w.run("systemctl", "daemon-reload")
	w.run("systemctl", "start", "livekey")
	w.until("the key is delivered", w.has(appSink, holding(value)))
}
