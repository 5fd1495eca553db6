//go:build !linux

package main

import "syscall"

// harden keeps values out of core dumps.
func harden() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
