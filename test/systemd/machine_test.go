// Package systemd tests livekey as a service: the unit as shipped, installed as its page
// says, under a systemd of its own that is PID 1 in a container over this machine's root.
// It is part of `make test` and needs root.
package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/namespace"
	"github.com/livekey/livekey/test/need"
)

const (
	// prefix begins the names of what a run puts into this machine.
	prefix   = "livekey-systemd-test-"
	bootTime = 60 * time.Second
	patience = 20 * time.Second // a loaded machine is no broken promise
	// checkout and binaries are where the container sees this repository and livekey.
	checkout = "/opt/checkout"
	binaries = "/opt/bin"
)

// A machine is the container: one for all tests, which take turns.
type machine struct {
	cmd    *exec.Cmd
	ended  <-chan struct{}
	out    bytes.Buffer // of its console, read when it has ended
	init   int          // its PID 1, as we see it
	issuer *fakeissuer.Issuer
	gate   *gate
	server *http.Server
	url    string // of the issuer, from inside
}

var (
	theMachine *machine
	bootErr    error
	bootOnce   sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if theMachine != nil {
		theMachine.stop()
	}
	os.Exit(code)
}

// boot is the machine, with livekey installed. Its first caller waits for it.
func boot(t *testing.T, promise string) *machine {
	t.Helper()
	need.All(t, promise, need.Linux, need.Root, need.Program("systemd-nspawn"), need.Program("nsenter"))
	bootOnce.Do(func() { theMachine, bootErr = start() })
	if bootErr != nil {
		t.Fatal(bootErr)
	}
	return theMachine
}

func start() (_ *machine, err error) {
	namespace.Sweep(prefix)
	name := namespace.NameOf(prefix, os.Getpid())
	dir := filepath.Join(os.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	m := &machine{issuer: fakeissuer.New()}
	defer func() {
		if err != nil {
			m.stop()
			err = fmt.Errorf("boot systemd in a container: %w\n%s", err, m.out.String())
		}
	}()
	repository, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	bin, root := filepath.Join(dir, "bin"), filepath.Join(dir, "machine")
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "livekey"), "github.com/livekey/livekey/cmd/livekey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build livekey: %w\n%s", err, out)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	m.cmd = exec.Command("./boot.sh", root, name, repository, bin)
	m.cmd.Stdout, m.cmd.Stderr = &m.out, &m.out
	m.ended, err = namespace.Start(m.cmd, unix.CLONE_NEWPID|unix.CLONE_NEWNS)
	if err != nil {
		return nil, err
	}
	if err := m.awaitBoot(); err != nil {
		return nil, err
	}
	return m, m.serveIssuer()
}

// awaitBoot waits until systemd says that it runs.
func (m *machine) awaitBoot() error {
	var last string
	for end := time.Now().Add(bootTime); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case <-m.ended:
			return errors.New("it ended by itself")
		default:
		}
		if m.init == 0 {
			m.init = childOf(m.cmd.Process.Pid, "systemd")
			continue
		}
		last, _ = m.try("systemctl", "is-system-running")
		if last = strings.TrimSpace(last); last == "running" || last == "degraded" {
			return nil
		}
	}
	return fmt.Errorf("it is %q after %s", last, bootTime)
}

// childOf is the child of a process that has a name, 0 if it has none yet.
func childOf(parent int, name string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var pid, ppid int
		var state string
		before, after, _ := strings.Cut(string(b), " ("+name+") ")
		if n, _ := fmt.Sscan(after, &state, &ppid); n != 2 || ppid != parent {
			continue
		}
		if pid, err = strconv.Atoi(before); err == nil {
			return pid
		}
	}
	return 0
}

// serveIssuer listens on the container's own loopback.
func (m *machine) serveIssuer() error {
	l, err := namespace.Listen(m.init, "127.0.0.1:0")
	if err != nil {
		return err
	}
	m.url = "http://" + l.Addr().String()
	m.gate = &gate{to: m.issuer}
	m.server = &http.Server{Handler: m.gate, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(l) }() // ends with Close
	return nil
}

// stop ends all that start began.
func (m *machine) stop() {
	if m.server != nil {
		_ = m.server.Close()
	}
	if m.ended != nil {
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
	namespace.Sweep(prefix)
}

// gate holds calls back while it is shut.
type gate struct {
	to   http.Handler
	mu   sync.Mutex
	open chan struct{} // nil: it is
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		select {
		case <-open:
		case <-r.Context().Done():
			return
		}
	}
	g.to.ServeHTTP(w, r)
}

// shut holds calls from now on until release, which may be called twice.
func (g *gate) shut() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(g.open)
		g.open = nil
	})
}

// try runs a command inside and returns what it printed and its exit code.
func (m *machine) try(args ...string) (string, int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience+5*time.Second)
	defer cancel()
	inside := append([]string{"-t", strconv.Itoa(m.init), "-m", "-p", "-u", "-i", "-n", "-C", "--", "timeout", "-k", "1", strconv.Itoa(int(patience.Seconds()))}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", inside...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=", "LC_ALL=C.UTF-8", "HOME=/root"}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// path is how we see a file of the container. On the way there must be no absolute
// symbolic link: it would lead into this machine.
func (m *machine) path(p string) string { return fmt.Sprintf("/proc/%d/root%s", m.init, p) }
