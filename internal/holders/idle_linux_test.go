package holders

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestALookWaitsForAllOthers(t *testing.T) {
	const anyThread = 1 // IOPRIO_WHO_PROCESS
	var i idle
	var policy uint32
	var class uintptr
	var thread int
	work := func() {
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Error(err)
			return
		}
		policy, thread = attr.Policy, unix.Gettid()
		class, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_GET, anyThread, 0, 0)
	}
	must(t, i.do(context.Background(), work))
	if policy != unix.SCHED_IDLE || class>>13 != 3 {
		t.Errorf("policy %d, class %d of the disk", policy, class>>13)
	}
	if thread == os.Getpid() {
		t.Error("it is the first thread, which answers signals")
	}
	before := thread
	must(t, i.do(context.Background(), work))
	if thread != before {
		t.Errorf("another thread is behind all others now: %d after %d", thread, before)
	}
	if attr, err := unix.SchedGetAttr(os.Getpid(), 0); err != nil || attr.Policy == unix.SCHED_IDLE {
		t.Errorf("the first thread too: %+v, %v", attr, err)
	}
}

// What was started with Pdeathsig dies with the thread that started it.
func TestALookEndsNoThread(t *testing.T) {
	children := make([]*exec.Cmd, 30)
	var started, gone sync.WaitGroup
	started.Add(len(children))
	for i := range children {
		c := exec.Command("/bin/sleep", "60")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		children[i] = c
		gone.Go(func() {
			runtime.LockOSThread() // each from a thread of its own, which are free afterwards
			defer runtime.UnlockOSThread()
			if err := c.Start(); err != nil {
				t.Error(err)
			}
			started.Done()
			started.Wait()
		})
	}
	gone.Wait()
	t.Cleanup(func() {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	for range 30 {
		var i idle
		must(t, i.do(context.Background(), func() {}))
	}
	time.Sleep(100 * time.Millisecond) // in which the kernel would end them
	for _, c := range children {
		var info unix.Siginfo
		must(t, unix.Waitid(unix.P_PID, c.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil))
		if info.Signo != 0 {
			t.Fatal("a program that livekey had started is gone")
		}
	}
}

func TestWhoWaitsForALookCanGiveUp(t *testing.T) {
	var i idle
	begun, end := make(chan struct{}), make(chan struct{})
	go func() { _ = i.do(context.Background(), func() { close(begun); <-end }) }()
	<-begun
	defer close(end)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := i.do(ctx, func() { t.Error("two at once") }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
