package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/test/need"
)

// keep starts a process in a group of its own, which ends with the test.
func (w *world) keep(cmd *exec.Cmd) int {
	w.t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	must(w.t, cmd.Start())
	w.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// by finds the holder that is a process.
func by(seen report.WhoHas, pid int) report.Holder {
	i := slices.IndexFunc(seen.Holders, func(h report.Holder) bool { return h.PID == pid })
	if i < 0 {
		return report.Holder{}
	}
	return seen.Holders[i]
}

// Two versions are delivered one after another, and five processes were started meanwhile,
// each in a way of its own.
func TestWhoHas(t *testing.T) {
	need.All(t, "P5 P7: who-has names every holder, its version and what ends it, and no value", need.Linux, need.Root)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + fileKey("OTHER") + twoSinks)
	other, first, second := w.newKey(), w.newKey(), w.newKey()
	w.put("A", first)
	w.put("OTHER", other)
	w.start().awaitReady()

	env := func(variable, value string) []string { return []string{variable + "=" + value, "PATH=/bin:/usr/bin"} }
	shell := exec.Command("/bin/sh", "-c", "sleep 120; :")
	shell.Env = env("LLM_KEY", first)
	exporter := w.keep(shell)
	foreign := exec.Command("/bin/sleep", "120")
	foreign.Env, foreign.Dir = env("A", first), "/"
	foreign.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	stranger := w.keep(foreign)
	w.put("A", second)
	w.until("the second version is delivered", patience, w.holds(map[string]string{"A": second, "OTHER": other}))
	w.until("the old one is an old one", patience, w.sees(stranger, report.HeldPrevious))
	newest := w.hold("A", second).Process.Pid
	apart := w.hold("OTHER_KEY", other).Process.Pid
	w.hold("A", w.newKey()) // which livekey does not know

	seen := w.whoHas("A")
	if h := by(seen, exporter); h.Stage != report.HeldPrevious || h.Variable != "LLM_KEY" || h.User != "root" || h.Fix == "" || h.StartedAt.IsZero() {
		t.Errorf("the shell: %+v", h)
	}
	if h := by(seen, stranger); h.Stage != report.HeldPrevious || h.User != "nobody" || h.Command != "sleep" || !strings.Contains(h.Fix, "sleep") {
		t.Errorf("another user's process: %+v", h)
	}
	if h := by(seen, newest); h.Stage != report.HeldCurrent || h.Fix != "" {
		t.Errorf("the process that has moved: %+v", h)
	}
	child := slices.IndexFunc(seen.Holders, func(h report.Holder) bool { return len(h.Exporters) > 0 })
	if child < 0 || seen.Holders[child].Exporters[0].PID != exporter || seen.Holders[child].Variable != "LLM_KEY" {
		t.Errorf("no child of the shell among %+v", seen.Holders)
	}
	if len(seen.Holders) != 4 || by(seen, apart).PID != 0 {
		t.Errorf("%d holders of A, want 4: %+v", len(seen.Holders), seen.Holders)
	}
	if h := by(w.whoHas("OTHER"), apart); h.Stage != report.HeldCurrent || h.Variable != "OTHER_KEY" {
		t.Errorf("the other key's holder: %+v", h)
	}
	if k := w.key("A"); k.Holders == nil || k.Holders.Current != 1 || k.Holders.Older != 3 {
		t.Errorf("status counts %+v", k.Holders)
	}

	text := w.livekey("who-has")
	for _, want := range []string{"LLM_KEY", "nobody", "previous"} {
		if !strings.Contains(text.stdout, want) {
			t.Errorf("who-has exits %d without a word of %s:\n%s", text.exit, want, text.stdout)
		}
	}
	c := newCanary()
	for name, v := range map[string]string{"first": first, "second": second, "other": other} {
		c.add(name, v)
	}
	for _, o := range w.printed {
		if found := c.search(o.bytes); len(found) > 0 {
			t.Errorf("P7: %s prints %v", o.where, found)
		}
	}
	for _, found := range c.searchTree(t, w.dir, "source", "sinks") {
		t.Errorf("P7: %s", found)
	}
}

// A key that leaked somewhere is pasted, and livekey says what it is and who has it.
func TestAPastedKeyIsKnown(t *testing.T) {
	need.All(t, "P5 P7: a key pasted by hand is known by its fingerprint", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	first, _ := rotated(w)
	for _, tc := range []struct {
		rule, pasted, want string
	}{
		{"the previous version", first + "\n", `"previous"`},
		{"a key that livekey does not know", w.newKey(), `"known": []`},
	} {
		cmd := w.command(t.Context(), "who-has", "--fingerprint-of-stdin", "--output", "json", "--config", w.path(configName))
		cmd.Stdin = strings.NewReader(tc.pasted)
		out, err := cmd.Output()
		if !strings.Contains(string(out), tc.want) {
			t.Errorf("%s: no %s in %s (%v)", tc.rule, tc.want, out, err)
		}
		if strings.Contains(string(out), strings.TrimSpace(tc.pasted)[20:60]) {
			t.Errorf("%s: P7: the value is printed", tc.rule)
		}
	}
}
