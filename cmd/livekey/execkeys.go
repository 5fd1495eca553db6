package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/supervise"
	"github.com/livekey/livekey/sources"
)

// choose is the config with the keys that the program is to have, and without a sink: no
// file is written. all is what the config has.
func (x *execution) choose(all *config.Config) (*config.Config, error) {
	wanted := slices.Clone(x.names)
	for _, name := range x.sinks {
		s, found := all.Sinks[name]
		if !found {
			return nil, fmt.Errorf("the config has no sink %q%s", config.Shown(name), didYouMean(name, slices.Collect(maps.Keys(all.Sinks)), ""))
		}
		for _, k := range s.Keys {
			wanted = append(wanted, string(k))
		}
	}
	cfg, err := only(all, wanted)
	if err != nil {
		return nil, err
	}
	if len(cfg.Keys) == 0 {
		return nil, fmt.Errorf("the config has no keys to run a program with")
	}
	if x.alerts {
		cfg.Alerts = all.Alerts
	}
	return cfg, oneVariableEach(cfg)
}

// oneVariableEach refuses keys that are delivered under the same name.
func oneVariableEach(cfg *config.Config) error {
	of := map[string]key.Name{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		for variable := range cfg.Keys[name].Env {
			if other, taken := of[variable]; taken {
				return fmt.Errorf("keys %s and %s are both the variable %s: choose with --key or --sink", other, name, variable)
			}
			of[variable] = name
		}
	}
	return nil
}

// environ is what the program gets of livekey's own environment.
func (x *execution) environ(all *config.Config, p *plan) []string {
	rules := x.rules
	for name, k := range all.Keys {
		variables := slices.Collect(maps.Keys(k.Env))
		if _, chosen := p.cfg.Keys[name]; chosen {
			rules.Managed = append(rules.Managed, variables...)
		} else {
			rules.Own = append(rules.Own, variables...)
		}
	}
	rules.Own = append(rules.Own, p.secretVariables(all)...)
	return rules.Pick(os.Environ())
}

// secretVariables are those from which sources and channels take a secret: of the whole
// config, be it of use to this program or not.
func (p *plan) secretVariables(all *config.Config) []string {
	var names []string
	for name, source := range p.sources {
		if e, ok := source.(sources.Environed); ok {
			names = append(names, e.Variables(locations(all, name))...)
		}
	}
	for name, c := range all.Alerts {
		env := alerts.Env{Name: name, Log: slog.New(slog.DiscardHandler), HTTP: &httpclient.Factory{}}
		channel, err := channelKinds[c.Kind](env, c.Settings)
		if e, ok := channel.(alerts.Environed); ok && err == nil {
			names = append(names, e.Variables()...)
		}
	}
	return names
}

// locations are the places in a source that keys are read from.
func locations(cfg *config.Config, source string) []key.Location {
	var all []key.Location
	for _, k := range cfg.Keys {
		for _, ref := range k.From {
			if ref.Source == source {
				all = append(all, ref.Location)
			}
		}
	}
	return all
}

// warnOfStale tells of variables that livekey was started with and the program does not
// get: those of optional keys that are not there.
func warnOfStale(log *slog.Logger, keys map[key.Name][]string, delivered supervise.Keys) {
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if _, there := delivered.Versions[name]; there {
			continue
		}
		for _, variable := range keys[name] {
			if _, set := os.LookupEnv(variable); set {
				log.Warn("variable not handed on: nobody proved it, and its key is not there", "key", name, "variable", variable)
			}
		}
	}
}

// variablesOf are the variables of each key.
func variablesOf(cfg *config.Config) map[key.Name][]string {
	all := map[key.Name][]string{}
	for name, k := range cfg.Keys {
		all[name] = slices.Sorted(maps.Keys(k.Env))
	}
	return all
}

// prefixed puts livekey's name before each line that it is given, one line a Write: the
// program's own lines go to the same place.
type prefixed struct {
	to interface{ Write([]byte) (int, error) }
}

func (p prefixed) Write(line []byte) (int, error) {
	var b strings.Builder
	b.WriteString("livekey: ")
	b.Write(line)
	if _, err := p.to.Write([]byte(b.String())); err != nil {
		return 0, err
	}
	return len(line), nil
}
