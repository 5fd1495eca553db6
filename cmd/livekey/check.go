package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) check() *cobra.Command {
	var s subject
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Prove keys now with a live call; no daemon, nothing delivered",
		Long: "Prove keys now with one live call each, and deliver nothing. Which keys: those\n" +
			"of the config or, without one, of the environment; of the environment in any\n" +
			"case with --all-env; of --env-file FILE; those that --from REFERENCE names, such\n" +
			"as vault://secret/app#key, or of which each field is a known variable; or one\n" +
			"value on standard input with --stdin --provider NAME.\n\n" +
			"Known variables are those that \"livekey providers\" lists. What stands beside\n" +
			"them, such as ANTHROPIC_BASE_URL, says how their issuers are asked.\n\n" +
			"Exit codes: 0 every key lives, 3 one is dead, blocked or missing, 4 one cannot\n" +
			"be judged now, 2 usage or config.",
		Args: expects(0, -1, "names of keys"),
	}
	output := formatFlag(cmd, "text", "json", "sarif")
	cmd.Flags().BoolVar(&s.stdin, "stdin", false, "prove the value on standard input")
	cmd.Flags().StringVar(&s.provider, "provider", "", "the `NAME` of who issued it")
	cmd.Flags().StringVar(&s.baseURL, "base-url", "", "where its issuer is: a `URL`")
	cmd.Flags().StringToStringVar(&s.with, "with", nil, "a parameter of its provider, as `NAME=TEXT`")
	cmd.Flags().Lookup("with").DefValue = "" // help would say []
	cmd.Flags().BoolVar(&s.optIn, "opt-in", false, "ask also where that costs something")
	cmd.Flags().BoolVar(&s.trim, "trim", false, "take blanks and newlines at its ends away")
	cmd.Flags().StringVar(&s.envFile, "env-file", "", "prove the variables of `FILE`")
	cmd.Flags().BoolVar(&s.allEnv, "all-env", false, "prove every known variable of the environment")
	cmd.Flags().StringArrayVar(&s.from, "from", nil, "prove what is at `REFERENCE`; may be said again")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after `D`")
	cmd.MarkFlagsMutuallyExclusive("stdin", "env-file", "all-env", "from")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		s.names = args
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		of, err := a.subjects(ctx, s)
		if err != nil {
			return asUsage(err)
		}
		checked, c, err := a.examineAll(ctx, of)
		if err != nil {
			return err
		}
		switch *output {
		case "json":
			err = a.printJSON(report.Check{Keys: checked})
		case "sarif":
			err = a.printJSON(sarifOf(checked, of.places))
		default:
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
		for _, text := range []string{c.Detail, contradicted(c.Outcome, c.Identity), terms(c.ExpiresAt, c.Limits, time.Now())} {
			if text == "" {
				continue
			}
			if err := a.say("%s: %s", c.Name, text); err != nil {
				return err
			}
		}
	}
	return nil
}
