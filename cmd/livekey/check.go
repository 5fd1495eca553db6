package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

// subject is what `check` is asked to prove.
type subject struct {
	stdin    bool
	provider string
	trim     bool
	envFile  string
	names    []string
}

func (a *app) check() *cobra.Command {
	var s subject
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Prove keys now with a live call; no daemon, nothing delivered",
		Long: "Prove keys now with one live call each, and deliver nothing. Which keys: those\n" +
			"of the config or, without one, of the environment; or of --env-file FILE; or one\n" +
			"value on standard input with --stdin --provider NAME.",
		Args: expects(0, -1, "names of keys"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&s.stdin, "stdin", false, "prove the value on standard input")
	cmd.Flags().StringVar(&s.provider, "provider", "", "who issued it: a `NAME` that \"livekey providers\" lists")
	cmd.Flags().BoolVar(&s.trim, "trim", false, "take blanks and newlines at both ends away first")
	cmd.Flags().StringVar(&s.envFile, "env-file", "", "prove the variables of `FILE`")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after `D`")
	cmd.MarkFlagsMutuallyExclusive("stdin", "env-file")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		s.names = args
		cfg, err := a.subjects(s)
		if err != nil {
			return asUsage(err)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		checked, c, err := a.examineAll(ctx, cfg)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = a.printJSON(report.Check{Keys: checked})
		} else {
			err = a.printChecked(checked)
		}
		if err != nil {
			return err
		}
		return exit(c)
	})
	return cmd
}

func (a *app) printChecked(checked []report.Checked) error {
	table := ui.NewTable("key", "provider", "verdict", "http", "owner")
	for _, c := range checked {
		status := ""
		if c.HTTPStatus != 0 {
			status = fmt.Sprint(c.HTTPStatus)
		}
		table.Row(ui.Cell{Text: string(c.Name), Style: ui.Title}, ui.Text(c.Provider), verdict(c.Outcome, c.Reason),
			ui.Text(status), ui.Text(owner(c.Identity)))
	}
	if err := a.out.Print(table); err != nil {
		return err
	}
	for _, c := range checked {
		if c.Detail == "" {
			continue
		}
		if err := a.say("%s: %s", c.Name, c.Detail); err != nil {
			return err
		}
	}
	return nil
}
