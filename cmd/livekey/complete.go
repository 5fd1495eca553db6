package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

// suggester lists what may stand where a person presses Tab; nil if nobody knows.
type suggester func() []string

// completions lets the shell complete names of the config and of the catalog.
func (a *app) completions(root *cobra.Command) {
	for name, names := range map[string]suggester{
		"check": a.keyNames, "doctor": a.keyNames, "refresh": a.keyNames, "approve": a.keyNames, "pause": a.keyNames, "resume": a.keyNames, "report": a.keyNames,
		"rotations": a.keyNames, "safe-to-revoke": a.keyNames, "who-has": a.keyNames,
		"wait": a.sinkNames, "providers": a.providerNames, "alerts test": a.channelNames,
	} {
		if cmd, _, err := root.Find(strings.Fields(name)); err == nil {
			cmd.ValidArgsFunction = offer(names)
		}
	}
	for _, cmd := range append(root.Commands(), root) {
		for flag, names := range map[string]suggester{
			"output":    func() []string { return []string{"text", "json"} },
			"provider":  a.providerNames,
			"on-change": func() []string { return []string{"restart", "none", "signal:HUP", "signal:USR1", "signal:USR2"} },
			"log-level": config.LogLevel("").Words,
			"key":       a.keyNames,
			"sink":      a.sinkNames,
		} {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, offer(names)) // fails only for a flag that is not there
			}
		}
	}
}

// offer has the names that are not on the line yet.
func offer(names suggester) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		left := slices.DeleteFunc(names(), func(name string) bool { return slices.Contains(args, name) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) keyNames() []string {
	return namesOf(a, func(c *config.Config) []key.Name { return slices.Sorted(maps.Keys(c.Keys)) })
}

func (a *app) sinkNames() []string {
	return namesOf(a, func(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Sinks)) })
}

func (a *app) channelNames() []string {
	return namesOf(a, func(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Alerts)) })
}

// namesOf are names of the config, none if it cannot be read: a Tab is no place for
// its faults.
func namesOf[N ~string](a *app, of func(*config.Config) []N) []string {
	cfg, err := a.settings()
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range of(cfg) {
		names = append(names, string(name))
	}
	return names
}

func (a *app) providerNames() []string {
	c, err := a.catalog()
	if err != nil {
		return nil
	}
	return append(c.IDs(), config.NoProvider)
}
