package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/sandbox"
)

var account = fakeissuer.Account{Organization: "0b9f3a52-6f3a-4f0e-9d1c-e2e0c0ffee01", Workspace: "wrkspc_01Ours"}

// admin is a person who may use livekey's socket.
const admin = "keyadmin"

// policy is quick, which is allowed because the issuer is on loopback.
const policy = "policy: {refresh: 200ms, probe: 1s, confirm: {times: 3, over: 600ms}, budget: 1000000}\nstartup_wait: 3s\n"

// A world is livekey newly installed: no config, no state, no sinks, no drop-ins.
type world struct {
	*machine

	t *testing.T
}

func newWorld(t *testing.T, promise string) *world {
	t.Helper()
	w := newMachine(t, promise)
	w.installAsThePageSays()
	w.shell("id " + admin + " || useradd --system --groups livekey-admin --no-create-home " + admin)
	return w
}

// newMachine is one on which livekey was never configured.
func newMachine(t *testing.T, promise string) *world {
	t.Helper()
	w := &world{boot(t, promise), t}
	w.shell(`systemctl stop livekey 2>/dev/null
systemctl reset-failed
rm -rf /etc/livekey /var/lib/livekey /run/livekey /run/consumer /srv/* /home/* /tmp/* /etc/roots /etc/systemd/system/livekey.service.d
getent group app || groupadd --system app
id app || useradd --system --gid app --no-create-home app
journalctl --rotate --quiet
journalctl --vacuum-time=1s --quiet`)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := w.try("journalctl", "--no-pager", "-q", "-n", "40", "-o", "short-precise")
			t.Logf("the journal ends with\n%s", log)
		}
		_, _ = w.try("systemctl", "kill", "-s", "CONT", "livekey")
		_, _ = w.try("systemctl", "stop", "livekey")
	})
	return w
}

// installAsThePageSays runs the commands of systemd/README.md, but for the build, which
// the machine did. Nobody inside is asked for a password.
func (w *world) installAsThePageSays() {
	w.t.Helper()
	page, err := os.ReadFile("../../systemd/README.md")
	must(w.t, err)
	_, rest, _ := strings.Cut(string(page), "Install from a checkout:\n\n```sh\n")
	block, _, found := strings.Cut(rest, "```")
	if !found || !strings.Contains(block, "systemd/install.sh") {
		w.t.Fatal("systemd/README.md does not say how to install from a checkout")
	}
	for line := range strings.Lines(block) {
		if line = strings.TrimSpace(line); line != "make build" {
			w.shell("cd " + checkout + " && BIN=" + binaries + "/livekey " + strings.ReplaceAll(line, "sudo ", ""))
		}
	}
}

// run runs a command inside, which must succeed.
func (w *world) run(args ...string) string {
	w.t.Helper()
	out, exit := w.try(args...)
	if exit != 0 {
		w.t.Fatalf("%s exits %d\n%s", strings.Join(args, " "), exit, out)
	}
	return strings.TrimSpace(out)
}

func (w *world) shell(script string) string {
	w.t.Helper()
	return w.run("/bin/bash", "-c", script)
}

// put writes a file of root's, whole, and makes the folders on the way.
func (w *world) put(path, content string, mode fs.FileMode) {
	w.t.Helper()
	real := w.path(path)
	must(w.t, os.MkdirAll(filepath.Dir(real), 0o755))
	must(w.t, os.WriteFile(real+".new", []byte(content), mode))
	must(w.t, os.Chmod(real+".new", mode))
	must(w.t, os.Rename(real+".new", real))
}

// configure writes the config as an operator would: root's, for livekey to read.
func (w *world) configure(text string) {
	w.t.Helper()
	w.put("/etc/livekey/livekey.yaml", strings.ReplaceAll(text, "$ISSUER", w.url)+policy, 0o640)
	w.run("chown", "root:livekey", "/etc/livekey/livekey.yaml")
}

// source puts a value where a key of file:///etc/livekey/keys.d/NAME finds it.
func (w *world) source(name, value string) {
	w.t.Helper()
	w.put("/etc/livekey/keys.d/"+name, value, 0o640)
	w.run("chown", "root:livekey", "/etc/livekey/keys.d/"+name)
}

// newKey makes up a key that the issuer knows, and puts it into the source.
func (w *world) newKey(name string) string {
	w.t.Helper()
	v := fakeissuer.NewAnthropicKey()
	w.issuer.Add(v, account)
	w.source(name, v)
	return v
}

// fileKey is a key's entry in a config.
func fileKey(name string) string {
	return fmt.Sprintf("  %s: {from: file:///etc/livekey/keys.d/%s, provider: anthropic, base_url: $ISSUER}\n", name, name)
}

// show is a property of the unit.
func (w *world) show(property string) string {
	w.t.Helper()
	return w.run("systemctl", "show", "--value", "--property="+property, sandbox.Service)
}

// has says whether an env file inside has exactly one variable, as it is written.
func (w *world) has(path, line string) func() error {
	return func() error {
		b, err := os.ReadFile(w.path(path))
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(b), "\n")
		if !strings.HasPrefix(string(b), "#") || rest != line+"\n" {
			return fmt.Errorf("%s has %d bytes, which are not those that were delivered", path, len(b))
		}
		return nil
	}
}

// owned says whether a file inside has a mode and belongs to a user and a group.
func (w *world) owned(path, want string) {
	w.t.Helper()
	if got := w.run("stat", "-c", "%a %U %G", path); got != want {
		w.t.Errorf("%s is %s, want %s", path, got, want)
	}
}

// identity is what changes when the app's sink is written anew.
func (w *world) identity() string {
	w.t.Helper()
	info, err := os.Stat(w.path(appSink))
	must(w.t, err)
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprint(st.Ino, info.ModTime(), info.Mode(), st.Uid, st.Gid)
}

// until looks again and again until look finds nothing wrong.
func (w *world) until(what string, look func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = look(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: not within %s: %v", what, patience, err)
}

// contains makes a look of a text that is made anew each time.
func contains(text func() string, want string) func() error {
	return func() error {
		if got := text(); !strings.Contains(got, want) {
			return errors.New("no " + want + " in " + got)
		}
		return nil
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
