package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/key"
)

func (a *app) pause() *cobra.Command {
	var reason string
	var long time.Duration
	cmd := &cobra.Command{
		Use:   "pause [NAME] --for D --reason TEXT",
		Short: "Prove and alert, but write nothing",
		Long: "Go on asking and alerting, but write no sink, tell no consumer and revoke\n" +
			"nothing, of the key NAME or of every key, until `livekey resume` or the end of\n--for.",
		Args: expects(0, 1, "at most one NAME"),
	}
	cmd.Flags().DurationVar(&long, "for", 0, "end by itself after `D`, like 90m")
	cmd.Flags().StringVar(&reason, "reason", "", "why, as `TEXT` for whoever finds the pause")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		if long <= 0 {
			return misused("say how long with --for, like --for 90m: a pause ends by itself")
		}
		if reason == "" {
			return misused("say why with --reason: whoever finds the pause wants to know")
		}
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		if err := daemon.Pause(ctx, oneName(args), long, reason); err != nil {
			return err
		}
		until := time.Now().Add(long).Format(time.RFC3339)
		return a.say("%s: nothing is written until %s; `livekey resume` ends it before", everyKey(args), until)
	})
	return cmd
}

// oneName is the name in args, empty for every key.
func oneName(args []string) key.Name {
	if len(args) == 0 {
		return ""
	}
	return key.Name(args[0])
}
