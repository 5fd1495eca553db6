package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) alerts() *cobra.Command {
	cmd := &cobra.Command{Use: "alerts", Short: "What is open, who has been told, and whether telling works"}
	cmd.AddCommand(a.alertsList(), a.alertsTest())
	group(cmd)
	return cmd
}

// alertsListed is the JSON of `alerts list`.
type alertsListed struct {
	Alerts   []alerts.Data    `json:"alerts"`
	Channels []report.Channel `json:"channels"`
}

func (a *app) alertsList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Every open alert, and what each channel has not taken yet",
		Args:  expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.RunE = act(func(ctx context.Context, _ []string) error {
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		s, err := daemon.Status(ctx)
		if err != nil {
			return err
		}
		if *output == "json" { // a list is [] where it is empty, never null
			return a.printJSON(alertsListed{append([]alerts.Data{}, s.Alerts...), append([]report.Channel{}, s.Channels...)})
		}
		now := time.Now()
		if len(s.Channels) > 0 {
			if err := a.out.Print(channelsTable(s.Channels, now)); err != nil {
				return err
			}
		} else {
			a.note("%s", noChannel)
		}
		if len(s.Alerts) == 0 {
			return a.print(a.out.Paint(ui.Good, "no alert is open") + "\n")
		}
		return a.print(a.alertsText(s.Alerts, now, true))
	})
	return cmd
}

// noChannel is said where somebody looks for channels.
const noChannel = "no channel is configured: alerts go to the log alone; name one under alerts: in the config"
