package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/sources"
)

func (a *app) plan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What `run` would do: who sees each key, calls a day, their cost",
		Long: "What `run` would do with this config: every host that will see a key, how often\n" +
			"each source and issuer is asked, what a call costs, and who reads the result.\n" +
			"Nothing is read, asked or written.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.RunE = act(func(context.Context, []string) error {
		cfg, err := a.settings()
		if err != nil {
			return asUsage(a.everyFault(cfg, err))
		}
		p, err := assemble(cfg, a.quiet(), knowsNothing)
		if err != nil {
			return asUsage(err)
		}
		told := p.report()
		if *output == "json" {
			return a.printJSON(told)
		}
		return a.printPlan(told)
	})
	return cmd
}

const day = 24 * time.Hour

// report is the plan as JSON tells it.
func (p *plan) report() report.Plan {
	told := report.Plan{Keys: []report.PlannedKey{}, Sources: []report.PlannedSource{}, Sinks: []report.PlannedSink{}}
	for _, k := range p.keys {
		told.Keys = append(told.Keys, p.plannedKey(k))
	}
	every := p.intervals()
	for _, name := range slices.Sorted(maps.Keys(every)) {
		_, batched := p.sources[name].(sources.Batcher)
		s := report.PlannedSource{Name: name, Kind: p.cfg.Sources[name].Kind, Records: len(every[name]), Batched: batched}
		for _, interval := range every[name] {
			s.ReadsPerDay += int(day / interval)
			if s.Every == 0 || interval < time.Duration(s.Every) {
				s.Every = report.Duration(interval)
			}
		}
		told.Sources = append(told.Sources, s)
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Sinks)) {
		s := p.cfg.Sinks[name]
		told.Sinks = append(told.Sinks, report.PlannedSink{Name: name, Kind: s.Kind, Path: pathOf(p.sinks[name]), Keys: s.Keys, OnChange: p.told(s)})
	}
	return told
}

func (p *plan) plannedKey(k engine.Key) report.PlannedKey {
	told := report.PlannedKey{
		Name: k.Name, Provider: p.providerOf(k), From: k.Policy.From, Hosts: append([]string{}, p.hosts[k.Name]...),
		Sinks: append([]string{}, strings.Fields(p.sinksOf(k.Name))...),
	}
	if len(told.Hosts) == 0 {
		return told // nobody is asked
	}
	probe := lasting(k.Policy.Probe, k.Budget)
	told.Probe, told.ProbesPerDay = report.Duration(probe), int(day/probe)
	if provider, err := p.catalog.Lookup(k.Provider); err == nil {
		told.Cost = provider.Info().Cost
	}
	return told
}

// intervals is how often each record of each source is read.
func (p *plan) intervals() map[string]map[key.Location]time.Duration {
	all := map[string]map[key.Location]time.Duration{}
	for _, k := range p.keys {
		for _, ref := range k.From {
			if all[ref.Source] == nil {
				all[ref.Source] = map[key.Location]time.Duration{}
			}
			every := k.Every(p.sources[ref.Source])
			if was, ok := all[ref.Source][ref.Location]; !ok || every < was {
				all[ref.Source][ref.Location] = every
			}
		}
	}
	return all
}

func (a *app) printPlan(p report.Plan) error {
	keys := ui.NewTable("key", "provider", "asks", "a day", "delivered to")
	costs := map[string]string{}
	for _, k := range p.Keys {
		hosts, calls := k.Hosts, fmt.Sprint(k.ProbesPerDay)
		if len(hosts) == 0 {
			hosts, calls = []string{"nobody"}, "-"
		}
		keys.Row(ui.Cell{Text: string(k.Name), Style: ui.Title}, ui.Text(k.Provider), ui.Text(hosts[0]), ui.Text(calls), ui.Text(strings.Join(k.Sinks, " ")))
		moreHosts(keys, hosts)
		if k.Cost != "" {
			costs[k.Provider] = k.Cost
		}
	}
	from := ui.NewTable("source", "kind", "records", "every", "reads a day")
	for _, s := range p.Sources {
		reads := fmt.Sprint(s.ReadsPerDay)
		if s.Batched {
			reads += ", in batches"
		}
		from.Row(ui.Cell{Text: s.Name, Style: ui.Title}, ui.Text(s.Kind), ui.Text(fmt.Sprint(s.Records)), ui.Text(ui.Span(time.Duration(s.Every))), ui.Text(reads))
	}
	to := ui.NewTable("sink", "kind", "keys", "path", "tells")
	for _, s := range p.Sinks {
		tells := append(slices.Clone(s.OnChange), "") // nobody
		to.Row(ui.Cell{Text: s.Name, Style: ui.Title}, ui.Text(s.Kind), ui.Text(fmt.Sprint(len(s.Keys))), ui.Text(s.Path), ui.Text(tells[0]))
		for _, next := range s.OnChange[min(1, len(s.OnChange)):] { // one after another
			to.Row(ui.Text(""), ui.Text(""), ui.Text(""), ui.Text(""), ui.Text(next))
		}
	}
	for i, table := range []*ui.Table{keys, from, to} {
		if i > 0 {
			a.blank()
		}
		if err := a.out.Print(table); err != nil {
			return err
		}
	}
	a.blank()
	for _, provider := range slices.Sorted(maps.Keys(costs)) {
		if err := a.say("a call to %s: %s", provider, costs[provider]); err != nil {
			return err
		}
	}
	return a.say("nothing was read, asked or written")
}

func (a *app) blank() { _, _ = fmt.Fprintln(a.out.Out) }
