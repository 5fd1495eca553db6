package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) resume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume [NAME]",
		Short: "End a pause before its time",
		Args:  expects(0, 1, "at most one NAME"),
		RunE: act(func(ctx context.Context, args []string) error {
			daemon, err := a.daemon()
			if err != nil {
				return err
			}
			if err := daemon.Resume(ctx, oneName(args)); err != nil {
				return err
			}
			return a.say("%s: no longer paused", everyKey(args))
		}),
	}
}
