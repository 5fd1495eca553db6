package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) clean() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove the files of sinks that the config no longer has",
		Long: "List the files that livekey wrote for sinks that the config no longer has, and\n" +
			"with --yes remove them. What a configured sink has, and what is not livekey's\n" +
			"own, is never touched. The daemon must not run.",
		Args: expects(0, 0, "nothing"),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "remove what is listed")
	cmd.RunE = act(func(ctx context.Context, _ []string) (err error) {
		cfg, err := a.settings()
		if err != nil {
			return asUsage(err)
		}
		unlock, err := journal.Lock(cfg.StateDir)
		if err != nil {
			return misplaced(err, "state_dir")
		}
		defer func() { err = errors.Join(err, unlock()) }()
		j, err := journal.Open(cfg.StateDir, a.quiet())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		p, err := assemble(cfg, a.quiet(), knowsNothing)
		if err != nil {
			return asUsage(err)
		}
		return a.cleanUp(ctx, p, j, yes)
	})
	return cmd
}

func (a *app) cleanUp(ctx context.Context, p *plan, j *journal.Journal, yes bool) error {
	configured := func(sink string) bool { _, is := p.cfg.Sinks[sink]; return is }
	left, err := engine.Leftovers(j, configured)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		_, err := fmt.Fprintln(a.out.Out, "nothing to clean")
		return err
	}
	var failed []error
	for _, name := range sorted(left) {
		kept := len(failed)
		for _, path := range left[name] {
			verb, err := p.cleanPlace(ctx, path, yes)
			if err != nil {
				failed = append(failed, fmt.Errorf("clean sink %s: %w", name, err))
				continue
			}
			if _, err := fmt.Fprintf(a.out.Out, "%s: %s %s\n", name, verb, ui.Clean(path)); err != nil {
				return err
			}
		}
		if yes && len(failed) == kept {
			if err := engine.Cleaned(j, name, configured(name)); err != nil {
				return err
			}
		}
	}
	if !yes {
		a.note("nothing was removed: say --yes to do it")
	}
	if len(failed) > 0 {
		return &exitError{sinkFailed, errors.Join(failed...)}
	}
	return nil
}

// cleanPlace removes what is left at path, if yes, and says what it did in a word.
func (p *plan) cleanPlace(ctx context.Context, path string, yes bool) (verb string, err error) {
	switch {
	case slices.ContainsFunc(p.places(), func(used string) bool { return within(used, path) }):
		return "keeps, another sink has it:", nil
	case !yes:
		return "would remove", nil
	default:
		return "removed", removeLeftover(ctx, path)
	}
}

// places are the paths of the configured sinks.
func (p *plan) places() []string {
	var all []string
	for _, s := range p.sinks {
		all = append(all, pathOf(s))
	}
	return all
}

// within says whether one of two paths contains the other.
func within(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}
