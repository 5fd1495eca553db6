package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
)

// issuer is who proves a key, and what its values look like.
type issuer struct {
	id       string // as the config or the catalog names it; "" if only the value can tell
	checker  validator.Checker
	form     string
	prefixes []string
}

// key makes what the engine needs to follow one key, or the faults of its entry.
func (p *plan) key(k config.Key, client *http.Client) (engine.Key, error) {
	var faults []error
	for _, part := range slices.Sorted(maps.Keys(k.From)) {
		ref := k.From[part]
		if linter, ok := p.sources[ref.Source].(sources.Linter); ok {
			if err := linter.Lint(ref); err != nil {
				faults = append(faults, k.Node.Fault("from", "%v", err))
			}
		}
	}
	faults = append(faults, lintAllow(k))
	var revoke *engine.Revoke
	who, err := p.issuer(k, client)
	if err == nil {
		var errRevoke error
		revoke, errRevoke = p.revoke(k, who.id, client)
		faults = append(faults, errRevoke)
	}
	if err := config.Join(append(faults, err)...); err != nil {
		return engine.Key{}, err
	}
	if k.Form != "" {
		who.form = k.Form
	}
	p.forms[k.Name] = who.form
	host := ""
	if h, ok := who.checker.(validator.Hoster); ok {
		p.hosts[k.Name] = h.Hosts()
		host = strings.Join(h.Hosts(), " ")
	}
	return engine.Key{
		Name: k.Name, Provider: who.id, From: k.From, Env: k.Env, Optional: k.Optional,
		Checker: who.checker, Host: host, Open: p.opener(k, who),
		Policy: policy(k, who), Refresh: k.Policy.Refresh, Budget: k.Policy.Budget, Consumers: k.Consumers, Revoke: revoke,
	}, nil
}

// lintAllow refuses an exception that no rule has: it would allow nothing.
func lintAllow(k config.Key) error {
	allowable := normalize.Allowable()
	for _, name := range k.Allow {
		if !slices.Contains(allowable, name) {
			return k.Node.Fault("lint.allow", "no fault has this name%s; one of %s", didYouMean(name, allowable, ""), strings.Join(allowable, ", "))
		}
	}
	return nil
}

// issuer decides who proves k: the config, else the exact name of its variable,
// else a prefix of its value that belongs to one issuer alone.
func (p *plan) issuer(k config.Key, client *http.Client) (issuer, error) {
	id := k.Provider
	if id == "" {
		var err error
		if id, err = p.catalog.Resolve(slices.Sorted(maps.Keys(k.Env))); err != nil {
			return issuer{}, k.Node.Fault("provider", "%v", err)
		}
	}
	switch id {
	case config.NoProvider:
		return issuer{id: id, checker: validator.None, form: string(normalize.Text)}, nil
	case "":
		if k.BaseURL != "" || len(k.With) > 0 {
			return issuer{}, k.Node.Fault("provider", "required, because base_url and with mean something to one provider only")
		}
		return issuer{checker: newByPrefix(p.catalog, client), form: string(normalize.Token)}, nil
	}
	provider, err := p.catalog.Lookup(id)
	if errors.Is(err, catalog.ErrUnknownProvider) {
		hint := didYouMean(id, append(p.catalog.IDs(), config.NoProvider), "")
		return issuer{}, k.Node.Fault("provider", "unknown%s (`livekey providers` lists them)", hint)
	}
	if err != nil {
		return issuer{}, err
	}
	if err := provider.CheckParts(slices.Sorted(maps.Keys(k.From))); err != nil {
		return issuer{}, k.Node.Fault("env", "%v", err)
	}
	checker, err := p.checker(provider, withCode(catalog.Settings{BaseURL: k.BaseURL, With: k.With, Client: client, OptIn: k.OptIn}))
	if err != nil {
		return issuer{}, k.Node.Fault("", "provider %s: %v", id, err)
	}
	return issuer{id: id, checker: checker, form: provider.Form(), prefixes: provider.Prefixes()}, nil
}

// checker returns what asks this provider: one for all keys that are asked about in the
// same way.
func (p *plan) checker(provider *catalog.Provider, s catalog.Settings) (validator.Checker, error) {
	way := fmt.Sprintf("%s %q %q %t", provider.ID(), s.BaseURL, s.With, s.OptIn) // fmt sorts a map
	if c, ok := p.checkers[way]; ok {
		return c, nil
	}
	c, err := provider.Checker(s)
	if err == nil {
		p.checkers[way] = c
	}
	return c, err
}

// opener makes the parts of a version of the records it is stored in.
func (p *plan) opener(k config.Key, who issuer) func(map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
	read := p.reader(k, who)
	return func(records map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict) {
		values, faults := read(records)
		if len(faults) > 0 {
			v := faults.Verdict()
			return nil, &v
		}
		return values, nil
	}
}

// reader makes the parts of a version of the records it is stored in, or everything that
// is wrong with them.
func (p *plan) reader(k config.Key, who issuer) func(map[key.Location]sources.Record) (map[key.Part]secret.Value, normalize.Faults) {
	foreign := p.prefixes
	if who.id == "" || who.id == config.NoProvider {
		foreign = nil // any issuer's will do
	}
	rules := normalize.Input{
		Base64: k.Format == "base64", Form: normalize.Form(who.form), Trim: k.Trim, Allow: k.Allow,
		OwnPrefixes: who.prefixes, ForeignPrefixes: foreign,
	}
	var parts []placed
	for name, ref := range k.From {
		parts = append(parts, placed{name, ref})
	}
	return func(records map[key.Location]sources.Record) (map[key.Part]secret.Value, normalize.Faults) {
		values := make(map[key.Part]secret.Value, len(parts))
		var faults normalize.Faults
		for loc, record := range records {
			in := rules
			in.Data, in.Refs = record.Data, map[key.Part]key.Ref{}
			for _, p := range parts {
				if p.ref.Location == loc {
					in.Refs[p.name] = p.ref
				}
			}
			got, found := normalize.Normalize(in)
			faults = append(faults, found...)
			maps.Copy(values, got)
		}
		return values, faults
	}
}

// placed is a part and where it is. A list of one takes a tenth of a map of one, and
// there are thousands.
type placed struct {
	name key.Part
	ref  key.Ref
}

// machine is by what this host differs from others with the same config. Without a
// name, they differ by their keys alone.
func machine() string {
	name, _ := os.Hostname()
	return name
}

func policy(k config.Key, who issuer) rotation.Policy {
	from := make([]string, 0, len(k.From))
	for _, part := range slices.Sorted(maps.Keys(k.From)) {
		from = append(from, config.FormatRef(k.From[part]))
	}
	var pins []string
	if p, ok := who.checker.(validator.Pinner); ok {
		pins = p.Pins()
	}
	return rotation.Policy{
		Key: k.Name, Provider: who.id, From: strings.Join(slices.Compact(from), " "),
		Probe: k.Policy.Probe, ConfirmTimes: k.Policy.ConfirmTimes, ConfirmOver: k.Policy.ConfirmOver, Grace: k.Policy.Grace,
		PublishIfEmpty: k.Policy.OnUnknown == config.PublishIfEmpty, Rollback: rotation.Rollback(k.Policy.AllowRollback),
		WatchPrevious: k.Policy.WatchPrevious, Expiry: k.Policy.Expiry, Expect: key.Identity(k.Expect), Pin: pins, Follow: k.Follow,
		Phase: schedule.Phase(machine(), string(k.Name)),
	}
}

// hostsOf is every host that will see a key, in words.
func (p *plan) hostsOf(name key.Name) []string {
	if hosts := p.hosts[name]; len(hosts) > 0 {
		return hosts
	}
	return []string{"nobody"}
}

// moreHosts puts all but the first of a key's hosts on lines of their own, in the
// third column: a key of which only a prefix will tell the issuer has many.
func moreHosts(table *ui.Table, hosts []string) {
	for _, host := range hosts[1:] {
		table.Row(ui.Text(""), ui.Text(""), ui.Text(host))
	}
}

// providerOf is who proves k, in words.
func (p *plan) providerOf(k engine.Key) string {
	if k.Provider == "" {
		return "by prefix"
	}
	return k.Provider
}

// sinksOf is where a key is delivered, in words.
func (p *plan) sinksOf(name key.Name) string {
	var all []string
	for _, sink := range slices.Sorted(maps.Keys(p.cfg.Sinks)) {
		if slices.Contains(p.cfg.Sinks[sink].Keys, name) {
			all = append(all, sink)
		}
	}
	return strings.Join(all, " ")
}
