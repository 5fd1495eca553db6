package supervise

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes of a child: TERM if livekey is killed. Whoever starts livekey again starts
// another child, and nobody would follow the rotations of the one that was left.
func attributes(leads bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: leads, Pdeathsig: syscall.SIGTERM}
}

// reap waits for the child. Its group is cleared while it is a zombie: no other group can
// have its number then.
func (p *process) reap() (*os.ProcessState, error) {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.Wait()
}
