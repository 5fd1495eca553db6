package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) safeToRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "safe-to-revoke NAME",
		Short: "May the previous version of a key be revoked? With the evidence",
		Long: "Ask the issuer, look for holders and ask the peers, now, and answer for the\n" +
			"consumers that the config declares for the key. Exit code 0: nobody in that\n" +
			"scope or in sight needs the previous version. 5: somebody does. 4: nobody can\n" +
			"tell, because no consumers are declared, one could not be looked at, or there is\n" +
			"no previous version.",
		Args: expects(1, 1, "NAME"),
	}
	output := outputFlag(cmd)
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		s, err := daemon.SafeToRevoke(ctx, key.Name(args[0]))
		if err != nil {
			return err
		}
		if *output == "json" {
			err = a.printJSON(s)
		} else {
			err = a.safetyText(s, time.Now())
		}
		if err != nil {
			return err
		}
		return exit(code(s.Exit))
	})
	return cmd
}

// safetyText is the scope, the answer, and all that it rests on.
func (a *app) safetyText(s report.Safety, now time.Time) error {
	var b strings.Builder
	b.WriteString(a.out.Wrap(ui.Faint, "", "  ", scopeLine(s)))
	style, text := safetyAnswer(s)
	b.WriteString(a.out.Wrap(style, "", "  ", text) + "\n")
	if err := a.print(b.String()); err != nil {
		return err
	}
	checks := ui.NewTable("check", "ok", "evidence")
	for _, c := range s.Checks {
		checks.Row(ui.Text(c.What), holds(c.OK, c.Unknown), ui.Text(c.Detail))
	}
	if err := a.out.Print(checks); err != nil {
		return err
	}
	if len(s.Scope) > 0 {
		scope := ui.NewTable("consumer", "adopted", "how")
		for _, c := range s.Scope {
			scope.Row(ui.Text(string(c.Consumer)), holds(c.OK, c.Unknown), ui.Text(how(c, now)))
		}
		if err := a.print("\n"); err != nil {
			return err
		}
		if err := a.out.Print(scope); err != nil {
			return err
		}
	}
	if len(s.Holders) > 0 {
		if err := a.print("\n"); err != nil {
			return err
		}
		if err := a.out.Print(holdersTable(s.Name, s.Holders, now)); err != nil {
			return err
		}
	}
	if len(s.Unseen) > 0 {
		if err := a.print("\n"); err != nil {
			return err
		}
	}
	return a.unseen(s.Unseen)
}

// scopeLine is the first line: what the answer is about.
func scopeLine(s report.Safety) string {
	if len(s.Scope) == 0 {
		return fmt.Sprintf("scope: nobody (keys.%s.consumers declares none)", s.Name)
	}
	names := make([]string, len(s.Scope))
	for i, c := range s.Scope {
		names[i] = string(c.Consumer)
	}
	return fmt.Sprintf("scope: %s (declared in keys.%s.consumers)", strings.Join(names, ", "), s.Name)
}

func safetyAnswer(s report.Safety) (ui.Style, string) {
	what := "the previous version"
	if s.Previous != nil {
		what = "version " + s.Previous.String()
	}
	if !s.RefusedSince.IsZero() {
		what += ", which its issuer refuses already"
	}
	switch {
	case s.Safe:
		return ui.Good, fmt.Sprintf("%s: safe to revoke %s", s.Name, what)
	case code(s.Exit) == unknown:
		return ui.Warn, fmt.Sprintf("%s: nobody can tell whether it is safe to revoke %s", s.Name, what)
	default:
		return ui.Bad, fmt.Sprintf("%s: not safe to revoke %s", s.Name, what)
	}
}

func holds(ok, unknown bool) ui.Cell {
	switch {
	case ok:
		return ui.Cell{Text: "yes", Style: ui.Good}
	case unknown:
		return ui.Cell{Text: "unknown", Style: ui.Warn}
	default:
		return ui.Cell{Text: "no", Style: ui.Bad}
	}
}

// how is by what it is known which version a consumer has.
func how(c report.InScope, now time.Time) string {
	text := c.How
	if !c.At.IsZero() {
		text += " (" + ui.Age(now, c.At) + ")"
	}
	if c.Detail != "" {
		text = strings.TrimPrefix(text+": "+c.Detail, ": ")
	}
	return text
}
