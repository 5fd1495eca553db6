package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/ui"
)

// alertsTested is the JSON of `alerts test`.
type alertsTested struct {
	Channels []channelTested `json:"channels"`
}

// channelTested is how one channel took an alert that was opened and resolved.
type channelTested struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Taken   bool   `json:"taken"`
	Refused bool   `json:"refused,omitempty"` // for good: trying again will not help
	Error   string `json:"error,omitempty"`
}

func (a *app) alertsTest() *cobra.Command {
	var timeout time.Duration
	var severity string
	cmd := &cobra.Command{
		Use:   "test [CHANNEL…]",
		Short: "Send a test alert through the channels; needs no daemon",
		Long: "Send a test alert, opened and resolved at once, through each channel, and say\n" +
			"who took it. It is marked as a test; its cause is self_degraded.",
		Args: expects(0, -1, "names of channels"),
	}
	output := outputFlag(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after `D`")
	cmd.Flags().StringVar(&severity, "severity", "info", "`LEVEL`: info, warning or critical")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		level := alerts.Severity(severity)
		if !slices.Contains([]alerts.Severity{alerts.Info, alerts.Warning, alerts.Critical}, level) {
			return misused("--severity must be info, warning or critical")
		}
		cfg, err := a.settings()
		if err != nil {
			return asUsage(err)
		}
		p, err := assemble(cfg, a.quiet(), knowsNothing)
		if err != nil {
			return asUsage(err)
		}
		names, err := chosenChannels(p, args)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		tested := make([]channelTested, len(names))
		var all sync.WaitGroup
		for i, name := range names {
			all.Go(func() { tested[i] = testChannel(ctx, name, cfg.Alerts[name].Kind, p.channels[name], level) })
		}
		all.Wait()
		return a.printTested(tested, *output)
	})
	return cmd
}

// chosenChannels are the channels that args name, all if they name none.
func chosenChannels(p *plan, args []string) ([]string, error) {
	names := slices.Sorted(maps.Keys(p.channels))
	if len(names) == 0 {
		return nil, misused("%s", noChannel)
	}
	for _, arg := range args {
		if p.channels[arg] == nil {
			return nil, misused("unknown channel %q%s", config.Shown(arg), didYouMean(arg, names, ""))
		}
	}
	if len(args) > 0 {
		names = args
	}
	return names, nil
}

// testAlert is one that nobody can mistake for a real one.
func testAlert(level alerts.Severity, now time.Time) alerts.Alert {
	return alerts.Alert{Type: alerts.Opened, Timestamp: now, Data: alerts.Data{
		ID: "alr_test_" + rand.Text(), Cause: key.SelfDegraded, Severity: level, Since: now,
		Summary:  "TEST: somebody ran `livekey alerts test`; nothing is wrong",
		Evidence: map[string]string{"test": "true"},
		Actions:  []string{"nothing to do: it is resolved at once"},
	}}
}

// testChannel sends a test alert once as opened and once as resolved.
func testChannel(ctx context.Context, name, kind string, c alerts.Channel, level alerts.Severity) channelTested {
	t := channelTested{Name: name, Kind: kind}
	a := testAlert(level, time.Now().UTC())
	err := c.Send(ctx, a)
	if err == nil {
		a.Type, a.Timestamp = alerts.Resolved, time.Now().UTC()
		if err = c.Send(ctx, a); err != nil {
			err = fmt.Errorf("opened was taken, resolved was not: %w", err)
		}
	}
	if err != nil {
		t.Error, t.Refused = err.Error(), errors.Is(err, alerts.ErrRefused)
		return t
	}
	t.Taken = true
	return t
}

// printTested exits 5 if a channel refuses alerts for good, 4 if one could not be asked.
func (a *app) printTested(tested []channelTested, output string) error {
	var codes []code
	table := ui.NewTable("channel", "kind", "test alert")
	for _, t := range tested {
		result := ui.Cell{Text: "taken", Style: ui.Good}
		switch {
		case t.Refused:
			codes, result = append(codes, no), ui.Cell{Text: "refused", Style: ui.Bad}
		case !t.Taken:
			codes, result = append(codes, unknown), ui.Cell{Text: "not taken", Style: ui.Bad}
		}
		table.Row(ui.Cell{Text: t.Name, Style: ui.Title}, ui.Text(t.Kind), result)
	}
	if output == "json" {
		if err := a.printJSON(alertsTested{tested}); err != nil {
			return err
		}
		return exit(worst(codes...))
	}
	if err := a.out.Print(table); err != nil {
		return err
	}
	for _, t := range tested {
		if t.Taken {
			continue
		}
		text := a.out.Wrap(ui.Plain, "", "  ", t.Error)
		if !t.Refused { // a refusal says what to look at
			text += a.out.Wrap(ui.Plain, "  -> ", "     ", "mend what is said there, or see that the receiver runs and can be reached from here; the daemon tries until it takes an alert")
		}
		if err := a.print(text); err != nil {
			return err
		}
	}
	return exit(worst(codes...))
}
