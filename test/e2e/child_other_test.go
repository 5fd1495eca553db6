//go:build !linux

package e2e

import "syscall"

// childAttr keeps the terminal's Ctrl-C from a child.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
