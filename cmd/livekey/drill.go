package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/drill"
)

func (a *app) drill() *cobra.Command {
	var keep, apart bool
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "A rotation from end to end, offline, with a built-in provider",
		Long: "Start livekey itself against a built-in provider and a folder of files, and play\n" +
			"a rotation and its accidents. Needs no network, no config and no root. Exits 5\nif a promise was not kept.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the drill's folder in place")
	cmd.Flags().BoolVar(&apart, "apart", false, "this is the first process of a namespace")
	_ = cmd.Flags().MarkHidden("apart")
	cmd.RunE = act(func(ctx context.Context, _ []string) error {
		err := drill.Run(ctx, drill.Options{
			Out: a.out.Out, JSON: *output == "json", Color: a.out.Color, Keep: keep, Apart: apart,
			Again: []string{"drill", "--apart", "--output", *output, fmt.Sprintf("--keep=%t", keep)},
		})
		if ended, ok := errors.AsType[*drill.EndedError](err); ok {
			return exit(code(ended.Exit))
		}
		return err
	})
	cmd.AddCommand(drillApp())
	return cmd
}

// drillApp is how the drill starts the apps that it plays with.
func drillApp() *cobra.Command {
	var app drill.App
	cmd := &cobra.Command{
		Use: "app NAME", Short: "An app of the drill, which uses its key", Hidden: true,
		Args: expects(1, 1, "the app's name"),
	}
	cmd.Flags().StringVar(&app.Issuer, "issuer", "", "where it uses its key")
	cmd.Flags().StringVar(&app.File, "env-file", "", "where it reads its key; by default its environment")
	cmd.Flags().StringVar(&app.PIDFile, "pid-file", "", "where it tells its process id")
	cmd.Flags().StringVar(&app.Socket, "tell", "", "the socket at which it tells what it has read")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		app.Name = args[0]
		return app.Run(ctx)
	})
	return cmd
}
