//go:build !linux

package command

import (
	"os/exec"
	"syscall"
)

// childAttr makes the child the leader of a group.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// wait returns when the program has ended, and with it all that it started.
func wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	killGroup(cmd.Process.Pid)
	return err
}
