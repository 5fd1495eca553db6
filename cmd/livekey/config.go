package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/configs"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) config() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check, show, describe or write the configuration"}
	cmd.AddCommand(a.configCheck(), a.configShow(), a.configSchema(), a.configInit(), a.configImport(), a.configSystemd())
	group(cmd)
	return cmd
}

func (a *app) configCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Every fault at once, and every host that will see a key",
		Args:  expects(0, 0, "nothing"),
		RunE: act(func(ctx context.Context, _ []string) error {
			cfg, err := a.settings()
			if err != nil {
				return asUsage(a.everyFault(cfg, err))
			}
			p, err := assemble(cfg, a.quiet(), knowsNothing)
			if err != nil {
				return asUsage(err)
			}
			if err := p.allowed(ctx); err != nil {
				return asUsage(err)
			}
			table := ui.NewTable("key", "provider", "asks", "delivered to")
			for _, k := range p.keys {
				hosts := p.hostsOf(k.Name)
				table.Row(ui.Cell{Text: string(k.Name), Style: ui.Title}, ui.Text(p.providerOf(k)), ui.Text(hosts[0]), ui.Text(p.sinksOf(k.Name)))
				moreHosts(table, hosts)
			}
			if len(p.keys) == 0 {
				a.remark(ui.Warn, "warning:", "no keys are configured; %s", firstStep)
			} else if err := a.out.Print(table); err != nil {
				return err
			}
			for _, line := range p.stretched() {
				a.remark(ui.Warn, "warning:", "%s", line)
			}
			_, err = fmt.Fprintf(a.out.Out, "\n%s %s\n", a.out.Paint(ui.Good, "ok:"), p.summary())
			return err
		}),
	}
}

// asUsage makes a fault of the configuration exit 2, whoever found it.
func asUsage(err error) error {
	if _, found := errors.AsType[config.Faults](err); found {
		return err
	}
	return &exitError{usage, err}
}

func (a *app) configShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "The configuration as it holds, defaults and drop-ins included",
		Args:  expects(0, 0, "nothing"),
		RunE: act(func(context.Context, []string) error {
			cfg, err := a.settings()
			if err != nil {
				return asUsage(err)
			}
			text, err := config.Show(cfg)
			if err != nil {
				return err
			}
			_, err = a.out.Out.Write(text)
			return err
		}),
	}
}

//go:generate go run ./schema ../../configs/reference.yaml ../../configs/livekey.schema.json

func (a *app) configSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "The JSON Schema with which an editor completes and checks a config",
		Args:  expects(0, 0, "nothing"),
		RunE: act(func(context.Context, []string) error {
			schema, err := configs.Schema()
			if err != nil {
				return err
			}
			_, err = a.out.Out.Write(schema)
			return err
		}),
	}
}
