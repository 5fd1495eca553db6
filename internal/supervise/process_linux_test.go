package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shell starts a script, which has a group of its own, as where there is no terminal. It
// writes the number of a process that it leaves behind into the file it is told.
func shell(t *testing.T, script string, spared bool) (life, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pid")
	l := &launcher{argv: []string{"sh", "-c", script, "sh", file}, environ: []string{"PATH=" + os.Getenv("PATH")}}
	child, err := l.start(Keys{Pairs: func() []string { return []string{"KEY=value"} }}, spared)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(file)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && strings.HasSuffix(string(text), "\n") {
			t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
			return child, pid
		}
	}
	t.Fatal("the script left nobody behind")
	return nil, 0
}

// gone says whether a process has ended, be it that nobody has waited for it yet.
func gone(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(text), ") ")
	return err != nil || strings.HasPrefix(state, "Z")
}

// ends waits for a process that was killed a moment ago.
func ends(pid int) bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if gone(pid) {
			return true
		}
	}
	return false
}

const leaves = `(trap "" TERM; exec sleep 100) & test "$KEY" = value && echo $! > "$1"; `

func TestWhatAStoppedChildLeavesBehindEnds(t *testing.T) {
	t.Parallel()
	child, left := shell(t, leaves+`trap "exit 7" TERM; while :; do sleep 0.01; done`, true)
	child.stop()
	if exit := <-child.ended(); exit != 7 {
		t.Errorf("exit %d, want 7", exit)
	}
	if !ends(left) {
		t.Error("the process with the old keys goes on")
	}
	child.stop() // of nobody
	child.signal(unix.SIGTERM)
}

func TestWhatAChildLeavesBehindByItselfGoesOn(t *testing.T) {
	t.Parallel()
	child, left := shell(t, leaves+`kill -SEGV $$`, true)
	if exit := <-child.ended(); exit != 128+11 {
		t.Errorf("exit %d, want %d", exit, 128+11)
	}
	if gone(left) {
		t.Error("the process that was meant to stay has ended")
	}
}

func TestWhatAChildOnTrialLeavesBehindEnds(t *testing.T) {
	t.Parallel()
	child, left := shell(t, leaves+`exit 1`, false)
	if exit := <-child.ended(); exit != 1 {
		t.Errorf("exit %d, want 1", exit)
	}
	if !ends(left) {
		t.Error("the process with the keys that failed goes on")
	}
}

func TestAStoppedChildHearsThatItIsToEnd(t *testing.T) {
	t.Parallel()
	child, pid := shell(t, `echo $$ > "$1"; trap "exit 7" TERM; while :; do sleep 0.01; done`, true)
	child.signal(unix.SIGSTOP)
	child.stop()
	select {
	case exit := <-child.ended():
		if exit != 7 {
			t.Errorf("exit %d, want 7", exit)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("process %d is still stopped", pid)
		child.kill()
	}
}

func TestTheDeadThatNobodyWaitsForAreBuried(t *testing.T) {
	p, err := os.StartProcess("/bin/true", []string{"a) Z 1 ("}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	var dead map[corpse]bool
	for end := time.Now().Add(10 * time.Second); len(dead) == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		for c := range corpses(os.Getpid()) {
			if c.pid == p.Pid {
				dead = map[corpse]bool{c: true}
			}
		}
	}
	if len(dead) == 0 {
		t.Fatal("not found")
	}
	another := map[corpse]bool{{p.Pid, 1}: true}
	if left := bury(another); len(left) == 0 || gone(p.Pid) && !exists(p.Pid) {
		t.Error("another process of the same number was buried")
	}
	bury(dead)
	if exists(p.Pid) {
		t.Error("not buried")
	}
}

func exists(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
