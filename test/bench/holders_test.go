package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

const (
	sleepers    = 2000
	holding     = 100 // of them, in unlike variables
	variables   = 30  // of each, 4 KB in all
	scans       = 10
	scanLimitMS = 150
)

// TestHolders measures what it costs to find who holds a key: the processor time of one
// look at 2,000 processes, in user mode and in the kernel, over all threads.
func TestHolders(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	hasher := secret.NewHasher(secret.New([]byte("thirty-two bytes of a fresh salt")))
	const old = "sk-ant-api03-the-old-version-that-some-still-hold"
	startSleepers(t, old)
	sink := filepath.Join(t.TempDir(), "app.env")
	must(t, os.WriteFile(sink, []byte("KEY="+old), 0o600))
	look := func(files ...string) (time.Duration, holders.Scan) {
		w := holders.Wanted{Hasher: hasher, Prints: []key.Fingerprint{hasher.Part(secret.New([]byte(old)))}, Files: files}
		local := holders.NewLocal(holders.Options{})
		before := cpu(t)
		found, err := local.Look(context.Background(), w)
		took := cpu(t) - before
		must(t, err)
		n := 0
		for _, s := range found.Sightings {
			if s.Kind == holders.InProcess && s.Command == "sleep" {
				n++
			}
		}
		if n != holding || found.Processes < sleepers {
			t.Fatalf("%d holders in %d processes found, want %d in at least %d", n, found.Processes, holding, sleepers)
		}
		return took, found
	}

	figures.title(out, "a look for holders, CPU of one (%d processes with %d variables each, %d hold a key)", sleepers, variables, holding)
	cold, found := look(sink)
	var hot, without, floor sample
	for range scans {
		took, _ := look(sink)
		hot = append(hot, took)
		took, _ = look()
		without = append(without, took)
		before := cpu(t)
		readAll(t)
		floor = append(floor, cpu(t)-before)
	}
	figures.note(out, "only reading their environments", "%s", floor)
	figures.note(out, "without replaced files and mounts", "%s", without)
	figures.note(out, "looked at", "%d processes, %d sightings", found.Processes, len(found.Sightings))
	figures.want(out, "the first look", ms(cold), "ms", scanLimitMS)
	figures.want(out, "later ones, p50", hot.quantile(0.5), "ms", scanLimitMS)
	figures.want(out, "p50, times only reading", hot.quantile(0.5)/floor.quantile(0.5), "x", 2.5)
}

// startSleepers returns when each process runs its program.
func startSleepers(t *testing.T, key string) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	must(t, err)
	var shared []string
	for i := range variables - 4 {
		shared = append(shared, fmt.Sprintf("SHARED_VARIABLE_%02d=%s", i, strings.Repeat(strconv.Itoa(i), 60)))
	}
	var all []*exec.Cmd
	t.Cleanup(func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
		}
		for _, cmd := range all {
			_ = cmd.Wait()
		}
	})
	for i := range sleepers {
		cmd := exec.Command(path, "600")
		own := strings.Repeat(fmt.Sprintf("%08d", i), 40)
		cmd.Env = append([]string{"INVOCATION_ID=" + own, "HOSTNAME=" + own, "TOKEN=" + own, "JOURNAL_STREAM=" + own}, shared...)
		if i%(sleepers/holding) == 0 {
			cmd.Env = append(cmd.Env, fmt.Sprintf("KEY_OF_%d=%s", i, key))
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		must(t, cmd.Start())
		all = append(all, cmd)
	}
}

// readAll is the floor: every environment is read, and nothing is done with it.
func readAll(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	found := 0
	for _, name := range names {
		if text, err := os.ReadFile(name + "/environ"); err == nil && bytes.Contains(text, []byte("SHARED_VARIABLE_01")) {
			found++
		}
	}
	if found < sleepers {
		t.Fatalf("%d of %d environments read", found, sleepers)
	}
}

// cpu is what this process has used so far, its threads that ended included.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var use unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
