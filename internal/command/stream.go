package command

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"syscall"
)

// Stream runs the program until it ends or ctx does, and hands on what it prints as it
// comes: a program that follows something. What was printed is neither kept nor bounded,
// and Timeout bounds nothing. It returns why the program ended, which is always an error.
func (c Command) Stream(ctx context.Context, to io.Writer) error {
	cmd, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	errs := &tail{}
	cmd.Stdout, cmd.Stderr = to, errs
	runtime.LockOSThread() // as in Run
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("run %s: %w", c.Argv[0], ctx.Err())
		}
		return fmt.Errorf("run program: %w", err)
	}
	err = wait(cmd)
	if ctx.Err() != nil {
		return fmt.Errorf("run %s: %w", c.Argv[0], ctx.Err())
	}
	if cmd.ProcessState == nil {
		return fmt.Errorf("run %s: %w", c.Argv[0], err)
	}
	exit := cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit = 128 + int(status.Signal())
	}
	why := errs.text(nil)
	if why == "" {
		return fmt.Errorf("run %s: it ended with exit code %d", c.Argv[0], exit)
	}
	return fmt.Errorf("run %s: it ended with exit code %d: %s", c.Argv[0], exit, why)
}
