package main

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
)

// plan is a configuration turned into what does the work. Making one does no I/O
// but reading the user's own provider files and following the symlinks on the way to
// a sink.
type plan struct {
	cfg      *config.Config
	catalog  *catalog.Catalog
	prefixes map[string]string // of values: the issuer to which alone each belongs
	sources  map[string]sources.Source
	sinks    map[string]sinks.Sink
	onChange map[string]engine.OnChange // by sink
	channels map[string]alerts.Channel
	peers    map[string]engine.Peer
	admins   map[string]engine.Inventory  // lists of keys, by provider
	checkers map[string]validator.Checker // by the way they ask
	keys     []engine.Key                 // sorted by name
	hosts    map[key.Name][]string
	forms    map[key.Name]string
}

// known tells a sink whether what it found is livekey's own.
type known func(sink string) func(map[string]secret.Value) bool

// knowsNothing is for plans that write nothing.
func knowsNothing(string) func(map[string]secret.Value) bool { return nil }

// assemble makes a plan, or says everything that is wrong, with its place.
func assemble(cfg *config.Config, log *slog.Logger, own known) (*plan, error) {
	p := &plan{
		cfg: cfg, catalog: catalog.Builtin(),
		sources: map[string]sources.Source{}, sinks: map[string]sinks.Sink{}, onChange: map[string]engine.OnChange{}, channels: map[string]alerts.Channel{}, peers: map[string]engine.Peer{}, admins: map[string]engine.Inventory{}, checkers: map[string]validator.Checker{},
		hosts: map[key.Name][]string{}, forms: map[key.Name]string{},
	}
	factory := &httpclient.Factory{Agent: "livekey/" + thisBuild().Version}
	var faults []error
	say := func(err error) bool {
		faults = append(faults, err)
		return err == nil
	}
	for name, s := range cfg.Sources {
		src, err := sourceKinds[s.Kind](sources.Env{Name: name, Log: log.With("source", name), HTTP: factory}, s.Settings)
		if say(err) {
			p.sources[name] = src
		}
	}
	for name, s := range cfg.Sinks {
		sink, err := sinkKinds[s.Kind](sinks.Env{Name: name, Log: log.With("sink", name), HTTP: factory, Known: own(name)}, s.Settings)
		if say(err) {
			p.sinks[name] = sink
		}
		say(p.addOnChange(s, factory))
	}
	for name, c := range cfg.Alerts {
		channel, err := channelKinds[c.Kind](alerts.Env{Name: name, Log: log.With("channel", name), HTTP: factory, Places: p.placesOf}, c.Settings)
		if say(err) {
			p.channels[name] = channel
		}
	}
	say(checkLease(cfg))
	say(p.addProviders())
	say(p.addPeers())
	p.prefixes = p.catalog.Prefixes()
	client, err := factory.Client(httpclient.Options{})
	say(err)
	for name, own := range cfg.Providers {
		if own.Admin != nil {
			p.admins[name] = adminAPI(*own.Admin, client)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		k, err := p.key(cfg.Keys[name], client)
		if say(err) {
			p.keys = append(p.keys, k)
		}
	}
	say(p.lintCarriers())
	say(p.lintPlaces())
	say(cfg.CheckHosts(p.hosts))
	if err := config.Join(faults...); err != nil {
		return nil, err
	}
	return p, nil
}

// placesOf is where keys come from, of those that a source of this kind has.
func (p *plan) placesOf(kind string) map[key.Name][]string {
	all := map[key.Name][]string{}
	for name, k := range p.cfg.Keys {
		for _, ref := range k.From {
			if p.cfg.Sources[ref.Source].Kind == kind && !slices.Contains(all[name], ref.Path) {
				all[name] = append(all[name], ref.Path)
			}
		}
		slices.Sort(all[name])
	}
	return all
}

// keepSources goes on with the sources of the plan before that were said the same: what
// they are logged in with, and have learned, a reload need not ask for again.
func (p *plan) keepSources(before *plan) {
	for name, s := range p.cfg.Sources {
		if was, ok := before.cfg.Sources[name]; ok && was.Same(s) {
			p.sources[name] = before.sources[name]
		}
	}
}

// forget lets go of all that an engine has taken over. What is left is compared with
// the plan that follows.
func (p *plan) forget() {
	p.catalog, p.prefixes, p.sinks, p.onChange, p.channels, p.peers, p.admins, p.checkers, p.keys, p.hosts, p.forms = nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil
}

// addProviders reads the provider files that the config names.
func (p *plan) addProviders() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Providers)) {
		own := p.cfg.Providers[name]
		if own.File == "" {
			continue
		}
		text, err := trusted.Read(own.File) // it says where keys are sent
		if err != nil {
			faults = append(faults, own.Node.Fault("file", "%v", err))
			continue
		}
		faults = append(faults, p.catalog.Add(name, own.File, text))
	}
	return config.Join(faults...)
}

// samples are values of each form, by which a sink says without a real one whether
// it could carry the key.
var samples = map[string]string{
	"token": "a",
	"text":  "a",
	"pem":   "-----BEGIN A-----\nAA==\n-----END A-----\n",
	"json":  "{\n  \"a\": \"b\"\n}\n",
}

// lintCarriers asks every sink whether its dialect can hold its keys at all.
func (p *plan) lintCarriers() error {
	var faults []error
	for name, s := range p.cfg.Sinks {
		carrier, ok := p.sinks[name].(sinks.Carrier)
		if !ok {
			continue
		}
		for _, k := range s.Keys {
			if p.forms[k] == "" {
				continue // the key has a fault of its own
			}
			sample := secret.New([]byte(samples[p.forms[k]]))
			for _, variable := range slices.Sorted(maps.Keys(p.cfg.Keys[k].Env)) {
				if err := carrier.Carries(variable, sample); err != nil {
					faults = append(faults, s.Settings.Fault("keys", "cannot carry key %s, whose form is %s: %v", k, p.forms[k], err))
				}
			}
		}
	}
	return config.Join(faults...)
}

// engineSinks are the sinks as the engine wants them.
func (p *plan) engineSinks() []engine.Sink {
	var all []engine.Sink
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Sinks)) {
		s := p.cfg.Sinks[name]
		all = append(all, engine.Sink{Name: name, Path: pathOf(p.sinks[name]), Sink: p.sinks[name], Keys: s.Keys, Complete: s.Complete, OnChange: p.onChange[name]})
	}
	return all
}

func pathOf(s sinks.Sink) string {
	if placed, ok := s.(sinks.Placer); ok {
		return placed.Path()
	}
	return ""
}

// summary is one line for a person.
func (p *plan) summary() string {
	return counted(len(p.keys), "key") + ", " + counted(len(p.sinks), "sink")
}
