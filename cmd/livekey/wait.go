package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/admin"
)

// waitEvery is how often `wait` asks: often enough that nobody sees it wait, and
// nothing but a question over a local socket.
const waitEvery = 100 * time.Millisecond

func (a *app) wait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [SINK…]",
		Short: "Block until every required key of the sinks is delivered",
		Args:  expects(0, -1, "names of sinks"),
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after `D`; 0 waits as long as it takes")
	cmd.RunE = act(func(ctx context.Context, sinks []string) error {
		if timeout < 0 {
			return misused("--timeout %s is less than nothing", timeout)
		}
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		return a.waitFor(ctx, daemon, sinks)
	})
	return cmd
}

// waitFor asks until nothing is missing. When ctx ends it returns what was in the
// way the last time: no daemon, or what it missed.
func (a *app) waitFor(ctx context.Context, daemon *admin.Client, sinks []string) error {
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	var last error
	var said []string
	for {
		missing, err := daemon.Ready(ctx, sinks)
		var nobody *admin.NoDaemonError
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case err == nil:
			if !slices.Equal(said, missing) {
				a.noteAll("waiting:", missing)
			}
			said = missing
			last = &exitError{notLive, fmt.Errorf("not ready: %s", missing[0])}
		case errors.Is(err, os.ErrDeadlineExceeded): // --timeout ended while we asked
		case errors.As(err, &nobody):
			if last == nil {
				a.note("waiting: %s", err)
			}
			last = err
		case ctx.Err() == nil:
			return err
		}
		select {
		case <-ctx.Done():
			if last == nil {
				return ctx.Err()
			}
			return last
		case <-tick.C:
		}
	}
}

func (a *app) noteAll(lead string, lines []string) {
	for _, line := range lines {
		a.note("%s %s", lead, line)
	}
}
