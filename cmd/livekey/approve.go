package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/key"
)

func (a *app) approve() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "approve NAME [VERSION]",
		Short: "Deliver a held candidate on your word; who and why are kept",
		Long: "Deliver a held candidate although it is worse, of another owner, or older than\n" +
			"what is delivered, or although its consumers did not come back with it. It is\n" +
			"proved again first: a dead or malformed one is never delivered.",
		Args: expects(1, 2, "NAME [VERSION]"),
		RunE: act(func(ctx context.Context, args []string) error {
			daemon, err := a.daemon()
			if err != nil {
				return err
			}
			var version key.Version
			if len(args) == 2 {
				version = key.Version(args[1])
			}
			if err := daemon.Approve(ctx, key.Name(args[0]), version, reason); err != nil {
				return err
			}
			return a.say("%s: approved; delivered once it is proved again, which `livekey status` shows", args[0])
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, as `TEXT` that is kept with who")
	return cmd
}
