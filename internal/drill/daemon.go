package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/report"
)

// stopTime is how long a process may take to end before it is killed.
const stopTime = 5 * time.Second

// A binary is livekey as a user starts it.
type binary struct {
	path, dir string

	mu      sync.Mutex
	outputs bytes.Buffer // of every command: the canary is searched in it
}

// command is livekey with nothing of our environment but PATH.
func (b *binary) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.path, args...) // #nosec G204 -- the running binary itself
	home := filepath.Join(b.dir, "home")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home,
		"XDG_RUNTIME_DIR=" + home, "XDG_STATE_HOME=" + home, "XDG_CONFIG_HOME=" + home,
	}
	cmd.Dir = b.dir
	return cmd
}

// ask runs one command and returns what it printed and its exit code.
func (b *binary) ask(ctx context.Context, name string, args ...string) (stdout []byte, exit int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var stderr bytes.Buffer
	cmd := b.command(ctx, append([]string{name, "--config", filepath.Join(b.dir, configName)}, args...)...)
	cmd.Stderr = &stderr
	stdout, err = cmd.Output()
	b.mu.Lock()
	b.outputs.Write(stdout)
	b.outputs.Write(stderr.Bytes())
	b.mu.Unlock()
	var ee *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, -1, fmt.Errorf("run livekey %s: %w", name, ctx.Err())
	case errors.As(err, &ee):
		return stdout, ee.ExitCode(), nil
	case err != nil:
		return nil, -1, fmt.Errorf("run livekey %s: %w", name, err)
	}
	return stdout, 0, nil
}

// status is what `livekey status` says; without a daemon it is empty.
func (b *binary) status(ctx context.Context) (report.Status, int, error) {
	var s report.Status
	out, exit, err := b.ask(ctx, "status", "--output", "json")
	if err != nil {
		return s, exit, err
	}
	// No daemon yet, or no longer: an exit code that no judge takes for a good one.
	if len(bytes.TrimSpace(out)) == 0 {
		return s, exit, nil
	}
	return s, exit, readJSON(out, "status", &s)
}

// readJSON reads what a command printed.
func readJSON(out []byte, command string, to any) error {
	if err := json.Unmarshal(out, to); err != nil {
		return fmt.Errorf("read the JSON of livekey %s: %w", command, err)
	}
	return nil
}

// printed is everything that any command printed so far.
func (b *binary) printed() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.outputs.Bytes())
}

// A process is one life of a program that the drill started.
type process struct {
	*os.Process

	done chan struct{} // closed when it has ended
	err  error         // how it ended; read it after done
}

// start begins a life of `livekey run`.
func (b *binary) start(ctx context.Context) (*process, error) {
	// A canceled drill stops its daemon in order, not by a kill.
	return launch(b.command(context.WithoutCancel(ctx), "run", "--config", filepath.Join(b.dir, configName)), filepath.Join(b.dir, logName))
}

// launch starts cmd; what it prints goes to the end of log.
func launch(cmd *exec.Cmd, log string) (*process, error) {
	name := filepath.Base(cmd.Path) + " " + cmd.Args[1]
	out, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = childAttr()
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that made it, so that a killed
		// drill leaves no daemon: this thread stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer func() { _ = out.Close() }()
		err := cmd.Start()
		p.Process = cmd.Process
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// ended says whether it is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill is SIGKILL, and waits until nothing is left.
func (p *process) kill() {
	_ = p.Kill()
	<-p.done
}

// stop asks it to end, as systemd does, and says whether it did so with exit code 0.
func (p *process) stop() error {
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(stopTime):
		p.kill()
		return fmt.Errorf("it did not end within %s of SIGTERM", stopTime)
	}
}
