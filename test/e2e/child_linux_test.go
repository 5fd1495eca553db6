package e2e

import "syscall"

// childAttr keeps the terminal's Ctrl-C from a child, and ends it with the test
// however that one ends.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
