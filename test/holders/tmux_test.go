package holders_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/test/need"
)

// The server outlives every login, and hands what it was started with to each new window.
func TestTmux(t *testing.T) {
	z := newZoo(t, "P5: a tmux server that hands on the old key is named", need.Program("tmux"))
	old, later, dir := z.value(), z.value(), z.openDir()
	tmux := func(args ...string) string {
		cmd := exec.Command("tmux", append([]string{"-L", "zoo", "-f", "/dev/null"}, args...)...)
		cmd.Env = []string{"PATH=/bin:/usr/bin", "TERM=vt100", "SHELL=/bin/sh", "LC_ALL=C.UTF-8", "TMUX_TMPDIR=" + dir, "K=" + old}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tmux("new-session", "-d", "exec sleep 60")
	server, err := strconv.Atoi(tmux("display-message", "-p", "#{pid}"))
	must(t, err)
	t.Cleanup(func() { _ = syscall.Kill(server, syscall.SIGKILL) })

	w := z.wanted(old)
	if s := z.until("the server", w, of(server)); s.Variable != "K" || !strings.HasPrefix(s.Command, "tmux") {
		t.Errorf("the server is %+v", s)
	}
	window := z.until("the window", w, sleeping)
	if len(window.Exporters) != 1 || window.Exporters[0].PID != server || !strings.HasPrefix(window.Exporters[0].Command, "tmux") {
		t.Errorf("the window's exporters are %+v, want the server, %d", window.Exporters, server)
	}

	// What it was told after its start is in no environment but its windows'.
	tmux("set-environment", "-g", "K", later)
	tmux("new-window", "-d", "exec sleep 60")
	s := z.until("the new window", z.wanted(later), sleeping)
	if s.PID == window.PID || len(s.Exporters) != 0 {
		t.Errorf("the new window is %+v", s)
	}
	if s := z.until("the server", z.wanted(old, later), of(server)); s.Print != z.print(old) || s.Kind != holders.InProcess {
		t.Errorf("the server is now %+v", s)
	}
}
