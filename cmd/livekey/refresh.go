package main

import (
	"context"
	"strings"

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
			if err := daemon.Refresh(ctx, names(args)); err != nil {
				return err
			}
			return a.say("%s: the source is being asked again; `livekey status` shows what comes of it", everyKey(args))
		}),
	}
}

// everyKey is the keys that args name, in words.
func everyKey(args []string) string {
	if len(args) == 0 {
		return "every key"
	}
	return strings.Join(args, ", ")
}

func names(args []string) []key.Name {
	var all []key.Name
	for _, arg := range args {
		all = append(all, key.Name(arg))
	}
	return all
}
