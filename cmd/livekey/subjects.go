package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator/catalog"
)

// subject is what `check` is asked to prove.
type subject struct {
	stdin    bool
	provider string
	baseURL  string
	with     map[string]string
	optIn    bool
	trim     bool
	envFile  string
	allEnv   bool
	from     []string
	names    []string
}

// inquiry is a config of the keys that shall be proved, and of nothing else.
type inquiry struct {
	cfg *config.Config
	// said is about variables whose issuer cannot be asked by what is known.
	said   []report.Checked
	places map[key.Name]place // of keys that a file has
}

// place is a line of a file, from 1.
type place struct {
	file string
	line int
}

// subjects is what s asks for.
func (a *app) subjects(ctx context.Context, s subject) (inquiry, error) {
	if err := s.agrees(); err != nil {
		return inquiry{}, err
	}
	switch {
	case s.stdin:
		return a.standalone(s, s.alone(stdinName, key.Ref{Location: key.Location{Source: stdinSource}}))
	case s.envFile != "":
		return a.ofEnvFile(s)
	case len(s.from) > 0:
		return a.ofReferences(ctx, s)
	case s.allEnv:
		return a.ofEnvironment(s, "environment")
	}
	cfg, err := a.settings()
	if errors.Is(err, config.ErrNoConfig) {
		return a.ofEnvironment(s, "environment (there is no config)")
	}
	if err != nil {
		return inquiry{}, err
	}
	if cfg, err = only(cfg, s.names); err != nil {
		return inquiry{}, err
	}
	of := inquiry{cfg: cfg, places: map[key.Name]place{}}
	for name, k := range cfg.Keys {
		file, line := k.Node.Place()
		of.places[name] = place{file, line}
	}
	return of, nil
}

// agrees holds that no flag contradicts another.
func (s subject) agrees() error {
	switch {
	case s.stdin && s.provider == "":
		return misused("say who issued the key: --stdin --provider NAME; `livekey providers` lists them")
	case s.stdin && len(s.names) > 0:
		return misused("--stdin is one value: it takes no names")
	case len(s.from) > 0 && len(s.names) > 0:
		return misused("--from says where each key is: it takes no names")
	case !s.stdin && len(s.from) == 0 && (s.provider != "" || s.baseURL != "" || len(s.with) > 0 || s.optIn):
		return misused("--provider, --base-url, --with and --opt-in are for --stdin and --from; a key of the config says them itself")
	}
	return nil
}

// only is cfg with the named keys, all if there is no name, and without sinks.
func only(cfg *config.Config, wanted []string) (*config.Config, error) {
	var known []string
	for name := range cfg.Keys {
		known = append(known, string(name))
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, misused("the config has no key %q%s", config.Shown(name), didYouMean(name, known, ""))
		}
	}
	c := *cfg
	c.Keys = map[key.Name]config.Key{}
	for name, k := range cfg.Keys {
		if len(wanted) == 0 || slices.Contains(wanted, string(name)) {
			c.Keys[name] = k
		}
	}
	c.Sinks, c.Alerts = nil, nil
	return &c, nil
}

// subjectKey is a key that no config has: which variable carries which part, where that
// is, and how its issuer is asked.
type subjectKey struct {
	name     key.Name
	env      map[string]key.Part
	from     map[key.Part]key.Ref
	provider string
	baseURL  string
	with     map[string]string
	at       place
}

// alone is the key at ref, of the provider that the caller names.
func (s subject) alone(name string, ref key.Ref) subjectKey {
	k := alone(name, ref)
	k.provider, k.baseURL, k.with = s.provider, s.baseURL, s.with
	return k
}

func alone(name string, ref key.Ref) subjectKey {
	return subjectKey{
		name: key.Name(name), env: map[string]key.Part{name: key.DefaultPart}, from: map[key.Part]key.Ref{key.DefaultPart: ref},
	}
}

// standalone is an inquiry about keys that no config has.
func (a *app) standalone(s subject, keys ...subjectKey) (inquiry, error) {
	cfg := config.Default(false)
	if len(s.from) > 0 { // their sources are the config's, where there is one
		if own, err := a.settings(); err == nil {
			c := *own
			cfg = &c
			cfg.Sinks, cfg.Alerts = nil, nil
		} else if !errors.Is(err, config.ErrNoConfig) {
			return inquiry{}, err
		}
	}
	cfg.Keys = map[key.Name]config.Key{}
	cfg.Sources = maps.Clone(cfg.Sources)
	if cfg.Sources == nil {
		cfg.Sources = map[string]config.Source{}
	}
	of := inquiry{cfg: cfg, places: map[key.Name]place{}}
	for _, k := range keys {
		cfg.Keys[k.name] = config.Key{
			Name: k.name, Provider: k.provider, BaseURL: k.baseURL, With: k.with, OptIn: s.optIn, Trim: s.trim,
			Policy: cfg.Policy, Format: "plain", From: k.from, Env: k.env,
		}
		if k.at.file != "" {
			of.places[k.name] = k.at
		}
		for _, ref := range k.from {
			if _, described := cfg.Sources[ref.Source]; described || ref.Source == stdinSource {
				continue
			}
			src, err := undescribed(ref)
			if err != nil {
				return inquiry{}, err
			}
			cfg.Sources[ref.Source] = src
		}
	}
	return of, nil
}

// undescribed is the source of a reference that no config describes: the kind of its name.
func undescribed(ref key.Ref) (config.Source, error) {
	name := ref.Source
	fromConfig, known := sourceKinds[name]
	if !known {
		return config.Source{}, misused("--from %s: no source is called %q (there are %s, and those that a config describes)%s",
			ref, name, strings.Join(sorted(sourceKinds), ", "), didYouMean(name, sorted(sourceKinds), ""))
	}
	var settings config.Node
	if text, said := settingsByHand[name]; said {
		var err error
		if settings, err = config.Parse("", "", text); err != nil {
			return config.Source{}, err
		}
	}
	if _, err := fromConfig(sources.Env{Name: name, Log: slog.New(slog.DiscardHandler), HTTP: &httpclient.Factory{}}, settings); err != nil {
		return config.Source{}, misused("--from %s: no config describes the source %s: %s", ref, name, oneLine(err.Error()))
	}
	return config.Source{Name: name, Kind: name, Settings: settings}, nil
}

// unaskable says why the issuer of a key cannot be asked by what its surroundings tell;
// nil if it can.
func unaskable(provider *catalog.Provider, k subjectKey) error {
	if err := provider.CheckParts(slices.Collect(maps.Keys(k.from))); err != nil {
		return err
	}
	if err := provider.Lint(withCode(catalog.Settings{BaseURL: k.baseURL, With: k.with})); err != nil {
		return fmt.Errorf("not asked: %w", err)
	}
	return nil
}
