package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// patience is how long something may take that is not being measured.
const patience = 20 * time.Second

// A daemon is one life of `livekey run`.
type daemon struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready time.Duration // from before fork to READY=1
	log   *bytes.Buffer // readable once it has ended
}

// start starts livekey with the config in dir, with an environment of its own,
// and waits for READY=1. It ends with the test.
func start(t *testing.T, dir string) *daemon {
	t.Helper()
	socket := filepath.Join(dir, "notify")
	_ = os.Remove(socket) // of the life before
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer func() { _ = notify.Close() }()

	d := &daemon{t: t, log: &bytes.Buffer{}}
	d.cmd = exec.Command(release(t), "run", "--config", filepath.Join(dir, "livekey.yaml"))
	d.cmd.Env = []string{"HOME=" + dir, "NOTIFY_SOCKET=" + socket}
	d.cmd.Stderr = d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	must(t, d.cmd.Start())
	t.Cleanup(d.stop)
	must(t, notify.SetReadDeadline(began.Add(patience)))
	message := make([]byte, 4096)
	n, err := notify.Read(message)
	d.ready = time.Since(began)
	if err != nil || !strings.HasPrefix(string(message[:n]), "READY=1") {
		d.stop()
		t.Fatalf("no READY=1: %q, %v\n%s", message[:n], err, d.log)
	}
	return d
}

// reload has it read its config again.
func (d *daemon) reload() { must(d.t, d.cmd.Process.Signal(syscall.SIGHUP)) }

// stop ends it as systemd does, and waits.
func (d *daemon) stop() {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	_ = d.cmd.Wait() // how it ended is not what is measured
}

// memory is one line of /proc/PID/status, in MB: a million bytes.
func memory(t *testing.T, pid int, name string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			must(t, err)
			return float64(kib) * 1024 / 1e6
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, name)
	return 0
}

// configure writes the config of a daemon that lives in dir; DIR stands for it.
func configure(t *testing.T, dir, text string) {
	t.Helper()
	text += `
startup_wait: 10s
state_dir: DIR/state
socket: DIR/livekey.sock
log: {level: info, format: json}
`
	must(t, os.WriteFile(filepath.Join(dir, "livekey.yaml"), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
}

// scratch makes a directory with the given folders in it, below parent. It is
// removed when the test ends.
func scratch(t *testing.T, parent string, folders ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "livekey-bench-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, f := range folders {
		must(t, os.MkdirAll(filepath.Join(dir, f), 0o700))
	}
	return dir
}

// owner is the account that all keys belong to.
var owner = fakeissuer.Account{Organization: "0b9f3a52-6f3a-4f0e-9d1c-e2e0c0ffee01", Workspace: "wrkspc_01Bench"}

// startIssuer serves on loopback until the test ends.
func startIssuer(t *testing.T) (*fakeissuer.Issuer, string) {
	t.Helper()
	issuer := fakeissuer.New()
	url, stop, err := issuer.Start()
	must(t, err)
	t.Cleanup(stop)
	return issuer, url
}

// newKey makes up a key that the issuer calls live.
func newKey(issuer *fakeissuer.Issuer) string {
	k := fakeissuer.NewAnthropicKey()
	issuer.Add(k, owner)
	return k
}

// tick is the unit of /proc/PID/stat: USER_HZ, which Linux shows as 100 everywhere.
const tick = 10 * time.Millisecond

// cpuTime is what a process has used so far, by itself and the kernel for it.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	_, rest, _ := bytes.Cut(text, []byte(") ")) // a name may have spaces
	fields := strings.Fields(string(rest))
	user, err := strconv.Atoi(fields[11]) // proc(5): fields 14 and 15, counted from 1
	must(t, err)
	system, err := strconv.Atoi(fields[12])
	must(t, err)
	return time.Duration(user+system) * tick
}
