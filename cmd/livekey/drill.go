package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/drill"
)

func (a *app) drill() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "A rotation from end to end, offline, with a built-in provider",
		Long: "Start livekey itself against a built-in provider and a folder of files, and play\n" +
			"a rotation and its accidents. Needs no network, no config and no root. Exits 5\nif a promise was not kept.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the drill's folder in place")
	cmd.RunE = act(func(ctx context.Context, _ []string) error {
		return drill.Run(ctx, drill.Options{
			Out: a.out.Out, JSON: *output == "json", Color: a.out.Color, Keep: keep,
		})
	})
	return cmd
}
