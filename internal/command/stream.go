package command

import (
	"context"
	"fmt"
	"io"
	"runtime"
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
	return fmt.Errorf("run %s: %w", c.Argv[0], Result{Exit: exitOf(cmd.ProcessState), Errors: errs.text(nil)}.ending())
}
