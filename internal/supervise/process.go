package supervise

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/secret"
)

// launcher starts a program with livekey's own standard streams, in its folder.
type launcher struct {
	argv    []string
	environ []string
	tty     *terminal // nil: livekey has none
}

func newLauncher(argv, environ []string) *launcher {
	return &launcher{argv, environ, openTerminal()}
}

// heard says whether the terminal gave sig to the child too. On a terminal both are in
// one group, so that job control, pipelines and Ctrl-C are as without livekey.
func (l *launcher) heard(sig syscall.Signal) bool {
	fromKeyboard := sig == unix.SIGINT || sig == unix.SIGQUIT || sig == unix.SIGWINCH
	return fromKeyboard && l.tty != nil && l.tty.inForeground()
}

// process is a child that runs.
type process struct {
	*os.Process
	leads bool // a group of its own
	exit  chan int

	mu     sync.Mutex
	gone   bool
	spared bool
}

// start runs the program, and waits for it in a goroutine that ends with it. What it starts
// may outlive it if it is spared.
func (l *launcher) start(k Keys, spared bool) (life, error) {
	path, err := find(l.argv[0])
	if err != nil {
		return nil, unstartable(l.argv[0], err)
	}
	if l.tty != nil {
		l.tty.takeBack()
	}
	p := &process{leads: l.tty == nil, spared: spared, exit: make(chan int, 1)}
	started := make(chan error)
	go func() {
		// The kernel tells the child of the end of the thread that made it: this one
		// stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		secret.Do(func() {
			p.Process, err = os.StartProcess(path, l.argv, &os.ProcAttr{
				Env:   k.beside(l.environ),
				Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
				Sys:   attributes(p.leads),
			})
		})
		started <- err
		if err == nil {
			p.exit <- p.wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, unstartable(l.argv[0], err)
	}
	return p, nil
}

func (p *process) ended() <-chan int { return p.exit }

func (p *process) spare() {
	p.mu.Lock()
	p.spared = true
	p.mu.Unlock()
}

// signal is for the child alone: what it does with those that it started is its own affair.
func (p *process) signal(sig syscall.Signal) {
	_ = p.Signal(sig) // one that has ended needs none
}

// stop tells the child, and where it has a group all of that, to end. A child that was
// stopped could not hear it.
func (p *process) stop() { p.all(unix.SIGTERM, unix.SIGCONT) }

func (p *process) kill() { p.all(unix.SIGKILL) }

func (p *process) all(signals ...syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spared = false
	for _, sig := range signals {
		switch {
		case p.gone:
		case p.leads:
			_ = unix.Kill(-p.Pid, sig)
		default:
			_ = p.Signal(sig)
		}
	}
}

// wait returns when the child has ended, with its exit code.
func (p *process) wait() int {
	state, err := p.reap()
	if err != nil {
		return exitCannotRun // nobody else waits for our children
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// clear ends what is left of the group, if another child is to follow: it has the old
// keys, and may hold a port. The caller holds mu.
func (p *process) clear() {
	if p.leads && !p.spared {
		_ = unix.Kill(-p.Pid, unix.SIGKILL)
	}
	p.gone = true
}

// pauseSelf stops livekey as Ctrl-Z would have, had it not caught that. Process 1 cannot be stopped.
func pauseSelf() { _ = unix.Kill(os.Getpid(), unix.SIGSTOP) }
