package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/test/need"
)

// The entrypoint of a container is process 1: it buries whoever was left without a
// parent, hears the signals of the container's runtime, and its exit code is the container's.
func TestExecIsTheEntrypointOfAContainer(t *testing.T) {
	need.All(t, "exec: as process 1, orphans are buried and TERM and the exit code pass", need.Linux, need.Root, need.Program("unshare"))
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key", "value")
	write("livekey.yaml", "startup_wait: 5s\nkeys: {A: {from: \"file://"+dir+"/key\", provider: none}}\n")
	// Ten processes lose their parent and end; then their numbers have to go.
	write("app", `trap 'exit 5' TERM
test $PPID = 1 && test "$A" = value || exit 1
for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.2 &); done
sleep 1
grep -l '^State:.Z' /proc/[0-9]*/status | wc -l > zombies-before
while grep -q '^State:.Z' /proc/[0-9]*/status; do sleep 0.1; done
touch buried
while :; do sleep 0.05; done
`)
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", binary, "exec", "--config", "livekey.yaml", "--", "sh", "app")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state has the exit code
		close(ended)
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "buried")); err == nil {
			break
		}
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			t.Fatal("orphans are left unburied")
		}
	}
	if seen, _ := os.ReadFile(filepath.Join(dir, "zombies-before")); strings.TrimSpace(string(seen)) == "0" {
		t.Error("there was nobody to bury: this test shows nothing")
	}
	children, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + strconv.Itoa(cmd.Process.Pid) + "/children")
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
		if exit := cmd.ProcessState.ExitCode(); exit != 5 {
			t.Errorf("exit %d, want 5", exit)
		}
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("goes on after TERM")
	}
}
