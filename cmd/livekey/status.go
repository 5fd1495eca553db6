package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) status() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Every key: delivered version, verdict, next probe, open alerts",
		Long: "Every key: which version is delivered, what its issuer said of it and when, and\n" +
			"below the table what is held, owed or paused, which old versions still live, how\n" +
			"many consumers were seen with one, and the open alerts. The exit code tells of\n" +
			"the worst of it.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "print again at every change, until interrupted")
	cmd.RunE = act(func(ctx context.Context, _ []string) error {
		cfg, err := a.desk()
		if err != nil {
			return err
		}
		daemon := admin.NewClient(cfg.Socket)
		if watch {
			return a.watchStatus(ctx, daemon, *output)
		}
		s, err := daemon.Status(ctx)
		if _, nobody := errors.AsType[*admin.NoDaemonError](err); nobody {
			return errors.Join(err, a.remembered(cfg, *output))
		}
		if err != nil {
			return err
		}
		if err := a.printStatus(s, *output); err != nil {
			return err
		}
		return exit(judge(s))
	})
	return cmd
}

// watchEvery is how often --watch asks.
const watchEvery = time.Second

// watchStatus prints what the daemon says whenever it says something else.
func (a *app) watchStatus(ctx context.Context, daemon *admin.Client, output string) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last, gap string
	for {
		s, err := daemon.Status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if now := changing(s); now != last {
			last = now
			if output != "json" {
				if err := a.print(gap + a.out.Paint(ui.Faint, time.Now().Format(time.TimeOnly)) + "\n"); err != nil {
					return err
				}
				gap = "\n"
			}
			if err := a.printStatus(s, output); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) printStatus(s report.Status, output string) error {
	if output == "json" {
		s.Keys = append([]report.Key{}, s.Keys...) // a list is [] where it is empty, never null
		s.Alerts = append([]alerts.Data{}, s.Alerts...)
		return a.printJSON(s)
	}
	if err := a.statusText(s, time.Now()); err != nil {
		return err
	}
	return a.readiness(s)
}
