package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/livekey/livekey/test/need"
)

const thePackage = "livekey installs, upgrades and leaves as a package"

// newPackaged is a machine without livekey, and two packages that it can install.
func newPackaged(t *testing.T) (w *world, older, newer string) {
	t.Helper()
	need.All(t, thePackage, need.Linux, need.Root, need.Program("dpkg"), need.Program("make"))
	w = newMachine(t, thePackage)
	// What other tests installed from the checkout would win over the package's; the last is of
	// machines that start no service when they install one.
	w.shell(`rm -rf /usr/local/bin/livekey /usr/local/lib/systemd/system/livekey* /usr/local/lib/{sysusers.d,tmpfiles.d}/livekey.conf /usr/local/share/man/man?/livekey* \
	/usr/local/share/{bash-completion/completions/livekey,zsh/site-functions/_livekey,fish/vendor_completions.d/livekey.fish} /usr/sbin/policy-rc.d
systemctl daemon-reload`)
	t.Cleanup(func() { _, _ = w.try("dpkg", "--purge", "livekey") })
	return w, w.debOf("1.0.0~rc.1"), w.debOf("1.0.0")
}

// debOf makes the package of a version, once, and puts it where the machine finds it.
func (w *world) debOf(version string) string {
	w.t.Helper()
	inside := "/var/tmp/livekey-" + version + ".deb"
	if _, err := os.Stat(w.path(inside)); err == nil {
		return inside
	}
	out := w.t.TempDir()
	cmd := exec.CommandContext(w.t.Context(), "../../packaging/build.sh")
	cmd.Env = append(os.Environ(), "VERSION="+strings.Replace(version, "~", "-", 1), "ARCHS="+runtime.GOARCH, "FORMATS=deb", "OUT="+out)
	if said, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("packaging/build.sh: %v\n%s", err, said)
	}
	found, err := filepath.Glob(out + "/*.deb")
	if err != nil || len(found) != 1 {
		w.t.Fatalf("%d packages were made (%v)", len(found), err)
	}
	content, err := os.ReadFile(found[0])
	must(w.t, err)
	must(w.t, os.WriteFile(w.path(inside), content, 0o600))
	return inside
}

// starts is how often systemd has started livekey.
func (w *world) starts() string {
	return w.shell("journalctl -q -o cat -u livekey | grep -c '^Started livekey'")
}

func TestAPackageRunsBeforeItIsConfigured(t *testing.T) {
	w, older, _ := newPackaged(t)
	w.run("dpkg", "--install", older)
	if state := w.show("ActiveState") + " " + w.show("UnitFileState"); state != "active enabled" {
		t.Errorf("livekey is %s", state)
	}
	if text := w.show("StatusText"); !strings.Contains(text, "no keys are configured; `livekey config init`") {
		t.Errorf("it does not say what to do next: %q", text)
	}
	w.owned("/etc/livekey", "750 root livekey")
	w.owned("/etc/livekey/livekey.yaml", "640 root livekey")
	if out := w.run("systemctl", "show", "--value", "--property=UnitFileState", "livekey-holders.socket"); out != "disabled" {
		t.Errorf("what looks into all processes is %s, and nobody asked for it", out)
	}
	// Its first words as a page says them, and a key.
	w.run("livekey", "config", "init")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	value := w.newKey("K")
	w.run("systemctl", "reload", "livekey")
	w.until("the key is delivered", w.has(appSink, holding(value)))
}

func TestAnUpgradeKeepsConfigAndStateAndRestartsOnce(t *testing.T) {
	w, older, newer := newPackaged(t)
	w.run("dpkg", "--install", older)
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	value := w.newKey("K")
	w.run("systemctl", "restart", "livekey")
	w.until("the key is delivered", w.has(appSink, holding(value)))
	kept := func() string {
		return w.shell("sha256sum /etc/livekey/livekey.yaml /etc/livekey/keys.d/K /var/lib/livekey/salt; stat -c %i /var/lib/livekey/salt") + w.identity()
	}
	before, pid, starts := kept(), w.show("MainPID"), w.starts()

	out := w.run("dpkg", "--install", newer)
	if !strings.Contains(out, "over (1.0.0~rc1)") {
		t.Errorf("it was no upgrade:\n%s", out)
	}
	w.until("it runs", contains(func() string { return w.show("ActiveState") }, "active"))
	if after := kept(); after != before {
		t.Errorf("config, state and sink were\n%s\nand are\n%s", before, after)
	}
	if w.show("MainPID") == pid {
		t.Error("the old program still runs")
	}
	if after := w.starts(); after != plusOne(t, starts) {
		t.Errorf("it was started %s times before, and %s after the upgrade", starts, after)
	}

	// What an admin turned off stays off.
	w.run("systemctl", "disable", "--now", "livekey")
	w.run("dpkg", "--install", newer)
	if state := w.show("ActiveState") + " " + w.show("UnitFileState"); state != "inactive disabled" {
		t.Errorf("an admin disabled livekey, and it is %s", state)
	}
}

func plusOne(t *testing.T, count string) string {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(count, &n); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n + 1)
}

func TestRemovingLeavesWhatPurgingDeletes(t *testing.T) {
	w, older, newer := newPackaged(t)
	w.run("dpkg", "--install", older)
	w.configure(fmt.Sprintf(oneSink, fileKey("K")))
	value := w.newKey("K")
	w.run("systemctl", "restart", "livekey")
	w.until("the key is delivered", w.has(appSink, holding(value)))
	w.run("systemctl", "start", "livekey-holders.socket")

	w.run("dpkg", "--remove", "livekey")
	if out, exit := w.try("pgrep", "-x", "livekey"); exit == 0 {
		t.Errorf("it still runs: %s", out)
	}
	must(t, w.has(appSink, holding(value))())
	w.run("test", "-f", "/etc/livekey/livekey.yaml", "-a", "-f", "/var/lib/livekey/salt", "-a", "!", "-e", "/usr/bin/livekey")

	w.run("dpkg", "--install", newer) // and it is back, with its config
	w.until("it runs again", contains(func() string { return w.show("StatusText") }, "1 of 1 key delivered"))

	out := w.run("dpkg", "--purge", "livekey")
	if !strings.Contains(out, "the group livekey-admin stay") {
		t.Errorf("it does not say what stays:\n%s", out)
	}
	if left := w.shell("find /etc /usr /var/lib /run -xdev -path /usr/local -prune -o -name '*livekey*' -print; ls -d /run/livekey* 2>/dev/null || true"); left != "" {
		t.Errorf("what is left:\n%s", left)
	}
	if out, exit := w.try("systemctl", "cat", "livekey.service"); exit == 0 {
		t.Errorf("systemd still has the unit:\n%s", out)
	}
	w.run("id", "livekey") // files of his may be elsewhere, and the next user must not get them
}
