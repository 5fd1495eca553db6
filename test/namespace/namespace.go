//go:build linux

// Package namespace runs a whole machine of a test, be it systemd or a Kubernetes, in
// namespaces of its own: what it mounts and starts ends with its first process, and that
// one with us, however we end.
package namespace

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts cmd as the first process of new namespaces: with unix.CLONE_NEWPID, the
// kernel ends every process in them with it. ended is closed once it has been waited for.
func Start(cmd *exec.Cmd, namespaces uintptr) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	over, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // what the kernel takes for our end is this thread's
		defer runtime.UnlockOSThread()
		defer close(over)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return over, nil
}

// Listen listens in the network of a process. A socket stays where it was made.
func Listen(pid int, address string) (l net.Listener, err error) {
	err = inNetworkOf(pid, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}

// Dial connects in the network of a process to an address that is an IP address with a port:
// a name would be looked up in a network of any thread.
func Dial(pid int, dial func() (net.Conn, error)) (c net.Conn, err error) {
	err = inNetworkOf(pid, func() (err error) {
		c, err = dial()
		return err
	})
	return c, err
}

// inNetworkOf runs f on a thread that is in the network of a process, and ends then.
func inNetworkOf(pid int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}
