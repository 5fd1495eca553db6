package main

import (
	"slices"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/validator/catalog"
)

// remembered prints what the journal of a daemon that does not answer says. A
// journal that we may not read, or that is not there, is no news.
func (a *app) remembered(cfg *config.Config, output string) error {
	j, err := journal.OpenReadOnly(cfg.StateDir, a.quiet())
	if err != nil {
		return nil //nolint:nilerr // the caller has said that nobody answers
	}
	defer func() { _ = j.Close() }()
	s, err := engine.Remembered(j)
	if err != nil {
		return err
	}
	for i := range s.Keys {
		k := cfg.Keys[s.Keys[i].Name]
		s.Keys[i].Provider, s.Keys[i].Optional = providerShown(cfg, k.Provider), k.Optional
	}
	if output == "json" {
		return a.printStatus(s, output)
	}
	if len(s.Keys) == 0 {
		return nil
	}
	a.note("the journal's last word, in %s:", cfg.StateDir)
	return a.statusText(s, time.Now()) // whether it is ready, only a daemon can say
}

// providerShown is the provider of a key of a config that nobody has put together:
// what is no provider's name may be anything, and is masked.
func providerShown(cfg *config.Config, id string) string {
	_, own := cfg.Providers[id]
	if own || id == "" || id == config.NoProvider || slices.Contains(catalog.Builtin().IDs(), id) {
		return id
	}
	return "***"
}
