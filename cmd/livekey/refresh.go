package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/key"
)

func (a *app) refresh() *cobra.Command {
	return &cobra.Command{
		Use:   "refresh [NAME…]",
		Short: "Ask the sources now, past every cache, and the issuers again",
		Args:  expects(0, -1, "names of keys"),
		RunE: act(func(ctx context.Context, args []string) error {
			daemon, err := a.daemon()
			if err != nil {
				return err
			}
			return daemon.Refresh(ctx, names(args))
		}),
	}
}

func names(args []string) []key.Name {
	var all []key.Name
	for _, arg := range args {
		all = append(all, key.Name(arg))
	}
	return all
}
