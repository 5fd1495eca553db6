package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// probes is how often each key was used before anybody looks.
const probes = 100

// Into the memory of the daemon is looked as a core dump or a neighbor with ptrace would:
// of a key that was read and probed a hundred times there is what livekey holds, and
// what the buffer of a connection still has, and no more.
func TestAKeyIsInMemoryOnce(t *testing.T) {
	need.All(t, "P7: values are erased from memory after use", need.Root, need.Linux)
	erasing := filepath.Join(t.TempDir(), "livekey")
	build := exec.Command("go", "build", "-o", erasing, "github.com/livekey/livekey/cmd/livekey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build livekey: %v\n%s", err, out)
	}
	t.Run("from files", func(t *testing.T) {
		w := newWorld(t)
		want := map[string]string{"A": w.newKey(), "B": w.newKey()}
		for name, v := range want {
			w.put(name, v)
		}
		inMemoryOnce(w, erasing, "keys:\n"+often(fileKey("A"))+often(fileKey("B"))+twoSinks, want)
	})
	t.Run("from Vault", func(t *testing.T) {
		v := servers.Vault(t)
		v.ReadPolicy("reader", "secret/data/prod/llm")
		w := newWorld(t)
		w.useVault(v, "secret", "approle", logins[0].auth)
		logins[0].give(w, v, "reader")
		want := map[string]string{"A": w.newKey()}
		v.Put("secret", "prod/llm", map[string]any{"anthropic": want["A"]})
		inMemoryOnce(w, erasing, strings.Replace(vaultConfig, "refresh: 1s", "refresh: 200ms", 1), want)
	})
}

// often has a key read about as often as it is probed.
func often(entry string) string { return strings.Replace(entry, "}", ", policy: {refresh: 200ms}}", 1) }

func inMemoryOnce(w *world, binary, config string, want map[string]string) {
	t := w.t
	t.Helper()
	address := freeAddress(t)
	w.configure("metrics: " + address + "\n" + config)
	d := w.startWith("run", func(cmd *exec.Cmd) { cmd.Path = binary })
	d.awaitReady()
	w.until("a hundred probes of each", 3*patience, func() error {
		for name, v := range want {
			if n := w.issuer.Calls(v); n < probes {
				return fmt.Errorf("%s was probed %d times", name, n)
			}
		}
		return nil
	})
	copies, connections := map[string]int{}, 0
	w.until("what was used is erased", patience, func() error {
		collect(t, address)
		connections = open(t, d.pid())
		memory := memoryOf(t, d.pid())
		for name, v := range want {
			copies[name] = bytes.Count(memory, []byte(v))
		}
		for name, n := range copies {
			if allowed := 1 + connections; n > allowed {
				return fmt.Errorf("%d copies of %s in memory, allowed are %d", n, name, allowed)
			}
		}
		return nil
	})
	t.Logf("copies %v, %d connections", copies, connections)
	for name, v := range want {
		if copies[name] == 0 {
			t.Errorf("%s was not found at all: the test is blind", name)
		}
		w.issuer.Revoke(v) // nothing else shall be asked while the world ends
	}
}

// collect has the daemon's garbage collected twice: every scrape makes some.
func collect(t testing.TB, address string) {
	t.Helper()
	cycles := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		must(t, err)
		resp, err := http.DefaultTransport.RoundTrip(r)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		_, after, found := strings.Cut(string(body), "\ngo_gc_duration_seconds_count ")
		n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
		if !found || err != nil {
			t.Fatalf("the metrics tell no collections (%v)", err)
		}
		return n
	}
	began := cycles()
	for range 2000 {
		if cycles() >= began+2 {
			return
		}
	}
	t.Fatal("2000 scrapes made no garbage worth collecting")
}

// open is the number of TCP connections that a process has.
func open(t testing.TB, pid int) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	must(t, err)
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// memoryOf is all that a process has written, read while it is stopped.
func memoryOf(t testing.TB, pid int) []byte {
	t.Helper()
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	defer func() { must(t, syscall.Kill(pid, syscall.SIGCONT)) }()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	must(t, err)
	defer func() { _ = memory.Close() }()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		part := make([]byte, to-from)
		n, err := memory.ReadAt(part, from)
		if err != nil && n == 0 {
			continue // a mapping that nobody may read, such as vvar
		}
		all = append(all, part[:n]...)
	}
	return all
}
