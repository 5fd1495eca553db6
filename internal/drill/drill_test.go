package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/test/need"
)

// TestTheDrillKeepsEveryPromise is the drill as a user plays it: as root also apart from
// all others, and as nobody, who sees others run and may not look at them.
func TestTheDrillKeepsEveryPromise(t *testing.T) {
	need.All(t, "P1-P10: the drill against the built binary", need.Linux)
	dir, err := os.MkdirTemp("", "livekey-drill-bin-")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o755)) // #nosec G302 -- another user starts what is in it
	binary := filepath.Join(dir, "livekey")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/livekey/livekey/cmd/livekey")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build livekey: %v\n%s", err, out)
	}
	const nobody = 65534
	for _, uid := range []int{os.Geteuid(), nobody} {
		if uid != os.Geteuid() && !need.Has(need.Root) {
			continue
		}
		t.Run(strconv.Itoa(uid), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), binary, "drill", "--output", "json")
			cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, "/"
			if uid != os.Geteuid() {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s\n%s", err, stderr.String(), out)
			}
			var r Report
			check(t, json.Unmarshal(out, &r))
			if len(r.Promises) != len(titles) || len(r.Steps) != len(story) {
				t.Errorf("%d promises, %d steps", len(r.Promises), len(r.Steps))
			}
			for _, p := range r.Promises {
				if p.Result != kept {
					t.Errorf("%s: %s", p.ID, p.Result)
				}
			}
			// Under the race detector's load it may take longer; what users were told is measured on its own.
			t.Logf("%.1f s", r.Seconds)
		})
	}
}

func TestADaemonThatEndsByItselfEndsTheDrill(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", parent)
	var out bytes.Buffer
	err := Run(t.Context(), Options{Binary: script(t, "exit 1"), Out: &out})
	if err == nil || errors.Is(err, ErrNotKept) {
		t.Errorf("got %v: a daemon that does not run breaks no promise, it is an error", err)
	}
	empty(t, parent)
}

func TestABrokenPromiseIsFoundAndNamed(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	var out bytes.Buffer
	// It runs, and delivers nothing.
	err := Run(t.Context(), Options{Binary: script(t, `[ "$1" != run ] || exec sleep 60; echo '{"ready": true}'`), Out: &out, JSON: true, patience: 300 * time.Millisecond})
	if !errors.Is(err, ErrNotKept) {
		t.Fatalf("got %v", err)
	}
	var r Report
	check(t, json.Unmarshal(out.Bytes(), &r))
	if r.Kept || r.Promises[0].Result != broken || r.Steps[0].Kept {
		t.Errorf("an empty sink is called delivered: %+v", r.Promises[0])
	}
	if last := r.Steps[len(r.Steps)-1]; len(r.Steps) != 2 || last.Name != story[len(story)-1].name {
		t.Errorf("after a broken step only what was seen so far is judged, but %d steps were played", len(r.Steps))
	}
}

func TestCancelStopsTheDaemonAndRemovesTheFolder(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", parent)
	pids := filepath.Join(t.TempDir(), "pid")
	binary := script(t, `[ "$1" != run ] || { echo $$ >`+pids+`; exec sleep 60; }; echo '{}'`)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	if err := Run(ctx, Options{Binary: binary, Out: &bytes.Buffer{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	empty(t, parent)
	pid, err := os.ReadFile(pids)
	check(t, err)
	if _, err := os.Stat("/proc/" + string(bytes.TrimSpace(pid))); err == nil {
		t.Error("the daemon is still there")
	}
}

// script makes a livekey of a line of shell; $1 is the command.
func script(t *testing.T, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "livekey")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o700))
	return path
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) > 0 {
		t.Errorf("the drill's folder is still there: %s", entries[0].Name())
	}
}
