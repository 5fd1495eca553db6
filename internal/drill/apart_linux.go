package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// noPlace is the exit code of a drill that cannot have a /proc of its own.
const noPlace = 125

// apart plays the drill as the first process of a PID namespace with a /proc of its own,
// where that is possible: then all that is in sight is the drill's own and can be looked
// at, and nothing of it outlives the drill. played says whether it was.
//
// It takes root. In the user namespace of another user the machine's folders would belong
// to nobody whom livekey knows, and it would not trust them.
func apart(ctx context.Context, o Options) (played bool, err error) {
	if os.Geteuid() != 0 {
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, nil //nolint:nilerr // played where we are, it says so itself
	}
	cmd := exec.CommandContext(ctx, self, o.Again...) // #nosec G204 -- the running binary itself
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * stopTime
	cmd.Stdout, cmd.Stderr = o.Out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	// The kernel ends the child with the thread that made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	ended, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case !ran && err != nil && ctx.Err() == nil, ran && ended.ExitCode() == noPlace:
		return false, nil // a kernel or a container that does not allow it
	case ran:
		return true, &EndedError{ended.ExitCode()}
	case ctx.Err() != nil:
		return true, fmt.Errorf("play the drill: %w", ctx.Err())
	}
	return true, nil
}

// settle gives this process, the first of its PID namespace, its own /proc.
func settle() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err != nil {
		return &EndedError{noPlace}
	}
	return nil
}

// show lets others of the same user see this process's environment, which livekey hides
// and an app does not.
func show() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }
