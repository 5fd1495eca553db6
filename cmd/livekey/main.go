// Command livekey proves API keys with a live call and delivers only those that live.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// gcPercent is half of Go's default: a daemon that is idle nearly always has the
// time, and values that nothing needs any more are erased the sooner.
const gcPercent = 50

func main() {
	debug.SetGCPercent(gcPercent)
	harden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills at once
	os.Exit(int(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)))
}
