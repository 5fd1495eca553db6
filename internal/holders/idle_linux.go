package holders

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atIdle runs f on a thread that gets the processor and the disk when nobody else wants
// them, and waits for it. Where that is forbidden, as a sandbox may, f runs as it is.
//
// The thread ends with f, since coming back from SCHED_IDLE can take a privilege. It is
// never the first one, which cannot end.
func atIdle(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and not unlocked: so the thread ends
		if unix.Gettid() == os.Getpid() {
			atIdle(f) // on another, since this one is taken
			runtime.UnlockOSThread()
			return
		}
		yield()
		f()
	}()
	<-done
}

// yield puts the calling thread behind all others.
func yield() {
	const (
		me        = 0 // the calling thread
		byProcess = 1 // IOPRIO_WHO_PROCESS
		idle      = 3 << 13
		niceness  = 19
	)
	var priority int32 // SCHED_IDLE has one alone
	// Not sched_setattr, whose policy a seccomp filter against real time cannot read.
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, me, unix.SCHED_IDLE, uintptr(unsafe.Pointer(&priority))) //nolint:gosec // the kernel reads it before the call returns
	if errno != 0 {
		_ = unix.Setpriority(unix.PRIO_PROCESS, me, niceness)
	}
	_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, byProcess, me, idle)
}
