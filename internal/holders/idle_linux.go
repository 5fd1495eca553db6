package holders

import (
	"context"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// idle is a thread that gets the processor and the disk when nobody else wants them. It
// starts with the first work and stays: coming back from SCHED_IDLE can take a privilege,
// and a thread that ends takes along the programs that it ever started with Pdeathsig. The
// zero idle is ready.
type idle struct {
	once sync.Once
	work chan func()
}

// behind is the thread of all looks: two of them at once would not be quicker.
var behind idle

// do runs f on the thread and waits for it. An error is that of ctx, before f began.
// Where its priority may not be lowered, as in a sandbox, f runs all the same.
func (i *idle) do(ctx context.Context, f func()) error {
	i.once.Do(func() {
		i.work = make(chan func())
		go i.serve(make(chan struct{}))
	})
	done := make(chan struct{})
	select {
	case i.work <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve closes settled when it has a thread for itself.
func (i *idle) serve(settled chan struct{}) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() { // the first thread, which answers signals: take another while it is locked
		another := make(chan struct{})
		go i.serve(another)
		<-another
		runtime.UnlockOSThread()
		return
	}
	close(settled)
	yield()
	for f := range i.work {
		f()
	}
}

// yield puts the calling thread behind all others.
func yield() {
	const (
		me        = 0 // the calling thread
		byProcess = 1 // IOPRIO_WHO_PROCESS
		idleClass = 3 << 13
		niceness  = 19
	)
	var priority int32 // SCHED_IDLE has one alone
	// Not sched_setattr, whose policy a seccomp filter against real time cannot read.
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, me, unix.SCHED_IDLE, uintptr(unsafe.Pointer(&priority))) //nolint:gosec // the kernel reads it before the call returns
	if errno != 0 {
		_ = unix.Setpriority(unix.PRIO_PROCESS, me, niceness)
	}
	_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, byProcess, me, idleClass)
}
