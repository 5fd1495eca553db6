//go:build !linux

package drill

import "syscall"

// childAttr keeps the terminal's Ctrl-C from the daemon, which the drill stops itself.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// memoryBacked is only known on Linux.
func memoryBacked(string) bool { return false }
