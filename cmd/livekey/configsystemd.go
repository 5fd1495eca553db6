package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/sandbox"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) configSystemd() *cobra.Command {
	var rule bool
	cmd := &cobra.Command{
		Use:   "systemd",
		Short: "The drop-in and the polkit rule that the config needs",
		Long: "Prints the drop-in with which livekey.service can do what the config asks:\n" +
			"paths, groups and owners other than its own, signals to others, and, as a\n" +
			"comment, the polkit rule for the units that on_change names, which --polkit\n" +
			"prints alone. Each line says what in the config needs it. It changes nothing,\n" +
			"and says how to put it in place.",
		Args: expects(0, 0, "nothing"),
		RunE: act(func(context.Context, []string) error {
			cfg, err := a.settings()
			if err != nil {
				return asUsage(a.everyFault(cfg, err))
			}
			p, err := assemble(cfg, a.quiet(), knowsNothing)
			if err != nil {
				return asUsage(err)
			}
			if rule {
				return a.printRule(p)
			}
			text := sandbox.DropIn(p.needs())
			if text == "" {
				a.note("%s as it is can do all that this config asks; if %s is there, it is no longer needed", sandbox.Service, sandbox.Place)
				return nil
			}
			if _, err := a.out.Out.Write([]byte(text)); err != nil {
				return err
			}
			if ui.IsTerminal(a.out.Out) {
				return nil // the comments say how
			}
			a.note("put it in place with")
			for _, step := range sandbox.Steps {
				_, _ = fmt.Fprintf(a.err.Out, "  %s\n", step) // unbroken: somebody copies it
			}
			if len(p.managed()) > 0 {
				_, _ = fmt.Fprintf(a.err.Out, "  %s\n", sandbox.RuleStep)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&rule, "polkit", false, "print the polkit rule alone")
	return cmd
}

// printRule prints the polkit rule, if the config needs one.
func (a *app) printRule(p *plan) error {
	text := sandbox.Rule(p.managed())
	if text == "" {
		a.note("the config names no unit in on_change: no polkit rule is needed")
		return nil
	}
	_, err := a.out.Out.Write([]byte(text))
	return err
}

// allowed says what the livekey that serves this config may not do of it: the one that
// runs, or this one where the unit started it. Where neither is, nobody can tell, and it
// is nil.
func (p *plan) allowed(ctx context.Context) error {
	pid := admin.NewClient(p.cfg.Socket).DaemonPID(ctx)
	if os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid()) {
		pid = os.Getpid()
	}
	if pid == 0 {
		return nil
	}
	process, err := sandbox.Of(pid)
	if err != nil {
		return nil //nolint:nilerr // it ended meanwhile, or this is no Linux
	}
	return sandbox.Allows(process, p.needs())
}
