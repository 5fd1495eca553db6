// Command livekey proves API keys with a live call and delivers only those that live.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// gcPercent is a fifth of Go's default: a daemon that is idle nearly always has the
// time, what it holds of thousands of keys is most of its memory, and values that
// nothing needs any more are erased the sooner.
const gcPercent = 20

func main() {
	runtime.MemProfileRate = 0 // nobody reads the profile, and its table takes a megabyte
	debug.SetGCPercent(gcPercent)
	harden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills at once
	os.Exit(int(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)))
}
