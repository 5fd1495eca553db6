package systemd

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/livekey/livekey/test/need"
)

// maxExposure is what systemd-analyze may find: 2.0 is its OK, and the unit is below.
const maxExposure = 1.5

func TestTheUnitsExposeLittle(t *testing.T) {
	need.All(t, "P7: the service's sandbox holds", need.Linux, need.Program("systemd-analyze"))
	for _, unit := range []string{"livekey.service", "livekey-holders.service"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "../../systemd/"+unit).CombinedOutput()
		must(t, err)
		m := regexp.MustCompile(`Overall exposure level for ` + unit + `: ([0-9.]+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("no level in\n%s", out)
		}
		if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > maxExposure {
			t.Errorf("the exposure of %s is %s, at most %.1f\n%s", unit, m[1], maxExposure, out)
		}
	}
}

// CAP_SYS_PTRACE is for reading environments: with these calls it would be for anything.
func TestTheServiceThatLooksCannotReachIntoAProcess(t *testing.T) {
	need.All(t, "who looks into every process changes none", need.Linux, need.Program("systemd-analyze"))
	text, err := os.ReadFile("../../systemd/livekey-holders.service")
	must(t, err)
	allowed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		filter, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		names, denied := strings.CutPrefix(filter, "~")
		for name := range strings.FieldsSeq(names) {
			for _, call := range calls(t, name) {
				allowed[call] = !denied
			}
		}
	}
	if !allowed["openat"] || !allowed["readlinkat"] {
		t.Fatal("it could not read /proc: the lines were not understood")
	}
	for _, call := range []string{
		"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "perf_event_open",
		"open_by_handle_at", "userfaultfd", "mount", "setuid", "bpf",
	} {
		if allowed[call] {
			t.Errorf("%s is allowed", call)
		}
	}
}

// calls are those of a group, or the call itself.
func calls(t *testing.T, name string) (all []string) {
	t.Helper()
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", name).Output()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && line != name && line[0] != '#' {
			all = append(all, calls(t, line)...)
		}
	}
	return all
}

func TestSystemdUnderstandsEveryLine(t *testing.T) {
	w := newWorld(t, "livekey installs as a service")
	if out := w.run("systemd-analyze", "verify", "livekey.service", "livekey-holders.service", "livekey-holders.socket"); out != "" {
		t.Errorf("systemd-analyze verify says\n%s", out)
	}
	// It exits 0 on a name that it does not know: see that it would say so.
	w.put("/etc/systemd/system/livekey.service.d/a.conf", "[Service]\nNoSuchLine=yes\n", 0o644)
	if out := w.run("systemd-analyze", "verify", "livekey.service"); !strings.Contains(out, "Unknown key") {
		t.Errorf("systemd-analyze verify says nothing of a line that it does not know: %q", out)
	}
}

func TestWhatIsInstalledBelongsToTheRightOnes(t *testing.T) {
	w := newWorld(t, "livekey installs as a service")
	w.owned("/etc/livekey", "750 root livekey")
	w.owned("/usr/local/bin/livekey", "755 root root")
	if groups := w.run("id", "-Gn", "livekey"); groups != "livekey" {
		t.Errorf("livekey is in the groups %s", groups)
	}
	w.run("livekey", "config", "init")
	w.owned("/etc/livekey/livekey.yaml", "640 root livekey")
	if out, exit := w.try("runuser", "-u", "livekey", "--", "livekey", "config", "show"); exit != 0 {
		t.Errorf("livekey cannot read the config that `config init` wrote: %s", out)
	}
	if _, exit := w.try("runuser", "-u", "livekey", "--", "sh", "-c", "echo >>/etc/livekey/livekey.yaml || echo >/etc/livekey/new"); exit == 0 {
		t.Error("livekey can write what decides where keys go")
	}
}

// A package is made without root, and without a systemd that runs.
func TestInstallStagesForAPackage(t *testing.T) {
	need.All(t, "livekey installs as a service", need.Linux, need.Program("install"))
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/livekey", []byte("#!/bin/sh\n"), 0o700))
	cmd := exec.Command("../../systemd/install.sh")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DESTDIR=" + dir + "/root", "PREFIX=/usr", "BIN=" + dir + "/livekey"}
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
	for _, file := range []string{"bin/livekey", "lib/systemd/system/livekey.service", "lib/systemd/system/livekey-holders.service", "lib/systemd/system/livekey-holders.socket", "lib/sysusers.d/livekey.conf", "lib/tmpfiles.d/livekey.conf", "share/man/man1/livekey.1", "share/man/man5/livekey.yaml.5", "share/bash-completion/completions/livekey", "share/zsh/site-functions/_livekey", "share/fish/vendor_completions.d/livekey.fish"} {
		if _, err := os.Stat(dir + "/root/usr/" + file); err != nil {
			t.Error(err)
		}
	}
}
