package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopTime is how long livekey may take to end.
const stopTime = 5 * time.Second

// A result is what a command printed and how it ended.
type result struct {
	stdout, stderr string
	exit           int
	took           time.Duration
}

// command is livekey with nothing of our environment but PATH.
func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	home := w.path("home")
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + w.path("tmp"),
		"XDG_RUNTIME_DIR=" + home, "XDG_STATE_HOME=" + home, "XDG_CONFIG_HOME=" + home,
	}, w.environ...)
	cmd.Dir = w.dir
	return cmd
}

// livekey runs one command with the world's config to its end, which must come
// within ten seconds.
func (w *world) livekey(args ...string) result {
	w.t.Helper()
	return w.livekeyWith(10*time.Second, args...)
}

func (w *world) livekeyWith(limit time.Duration, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := w.command(ctx, append(args, "--config", w.path(configName))...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	r := result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
	w.remember("livekey "+strings.Join(args, " "), stdout.Bytes(), stderr.Bytes())
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		w.t.Fatalf("livekey %s did not end within %s\n%s", strings.Join(args, " "), limit, r.stderr)
	case err != nil && !errors.As(err, &ended):
		w.t.Fatalf("livekey %s: %v", strings.Join(args, " "), err)
	}
	return r
}

// A daemon is one life of `livekey run`, or of `livekey once`.
type daemon struct {
	t       testing.TB
	cmd     *exec.Cmd
	notify  *net.UnixConn
	done    chan struct{} // closed when it has ended
	log     string
	logFrom int64 // where this life begins in log
}

// start begins a life of the daemon; its output goes to the end of daemon.log.
func (w *world) start() *daemon {
	w.t.Helper()
	return w.startWith("run")
}

// startWith begins a life with a command, which change may alter.
func (w *world) startWith(name string, change ...func(*exec.Cmd)) *daemon {
	w.t.Helper()
	w.lives++
	d := &daemon{t: w.t, done: make(chan struct{}), log: w.path(logName)}
	log, err := os.OpenFile(d.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(w.t, err)
	if info, err := log.Stat(); err == nil {
		d.logFrom = info.Size()
	}
	socket := w.path(fmt.Sprintf("notify-%d", w.lives))
	d.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(w.t, err)
	must(w.t, os.Chmod(socket, 0o666))
	d.cmd = w.command(context.Background(), name, "--config", w.path(configName))
	d.cmd.Env = append(d.cmd.Env, "NOTIFY_SOCKET="+socket)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = childAttr()
	for _, c := range change {
		c(d.cmd)
	}
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that made it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(d.done)
		defer func() { _ = log.Close() }()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait() // how it ended is in ProcessState
		}
	}()
	must(w.t, <-started)
	w.t.Cleanup(func() {
		if !d.ended() {
			d.kill()
		}
		_ = d.notify.Close()
		_ = os.Remove(socket)
	})
	w.daemon = d
	return d
}

// told waits for the next message that systemd would get, "" if none comes.
func (d *daemon) told(limit time.Duration) string {
	must(d.t, d.notify.SetReadDeadline(time.Now().Add(limit)))
	b := make([]byte, 4096)
	n, err := d.notify.Read(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// awaitReady waits for READY=1 and returns how long that took.
func (d *daemon) awaitReady() time.Duration {
	d.t.Helper()
	began := time.Now()
	for time.Since(began) < patience && !d.ended() {
		if strings.Contains(d.told(100*time.Millisecond), "READY=1") {
			return time.Since(began)
		}
	}
	d.t.Fatalf("no READY=1 after %s\n%s", time.Since(began).Round(time.Millisecond), d.lastWords())
	return 0
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// kill is SIGKILL, and waits until nothing is left.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
}

// signal sends sig and waits for the end, at most stopTime; it returns the exit
// code (-1: a signal ended it) and the time it took.
func (d *daemon) signal(sig syscall.Signal) (exit int, took time.Duration) {
	d.t.Helper()
	began := time.Now()
	must(d.t, d.cmd.Process.Signal(sig))
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode(), time.Since(began)
	case <-time.After(stopTime):
		words := d.lastWords()
		d.kill()
		d.t.Fatalf("livekey did not end within %s of %v\n%s", stopTime, sig, words)
		return -1, 0
	}
}

// said is all that this life printed so far.
func (d *daemon) said() string {
	b, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(b[min(d.logFrom, int64(len(b))):])
}

// lastWords is the end of that.
func (d *daemon) lastWords() string {
	lines := strings.Split(strings.TrimSpace(d.said()), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// leftovers are names of livekey's own temporary files below dirs.
func leftovers(t testing.TB, dirs ...string) []string {
	t.Helper()
	var found []string
	for _, dir := range dirs {
		must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if strings.HasPrefix(filepath.Base(path), ".livekey-") {
				found = append(found, path)
			}
			if errors.Is(err, os.ErrNotExist) {
				return nil // removed while we look
			}
			return err
		}))
	}
	return found
}
