package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/systemd"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
)

// ward is one place, and what all keys that are looked for there share.
type ward struct {
	complaint
	app     *app
	cfg     *config.Config // nil: there is none
	plan    *plan          // of cfg
	catalog *catalog.Catalog
	prober  *validator.Prober
	hasher  secret.Hasher
	client  *http.Client

	reading sync.Mutex // sinks
	walking sync.Mutex
	roads   map[string]doctor.Road // by host

	text    []byte // of an env file
	process holders.Started
	stages  map[key.Name]map[string]key.Stage // of fingerprints in the short form, as the journal knows them
}

// patient is one key: of the config, or made of variables.
type patient struct {
	config.Key
	variable string // by which programs read it, the first of several
	managed  bool   // the config has it, and so a source
}

func (a *app) newWard(c complaint, cfg *config.Config) (*ward, error) {
	w := &ward{complaint: c, app: a, cfg: cfg, catalog: catalog.Builtin(), prober: validator.NewProber(), roads: map[string]doctor.Road{}}
	var err error
	if w.client, err = (&httpclient.Factory{Agent: "livekey/" + thisBuild().Version}).Client(httpclient.Options{}); err != nil {
		return nil, err
	}
	if cfg != nil {
		if w.plan, err = assemble(cfg, a.quiet(), knowsNothing); err != nil {
			return nil, asUsage(err)
		}
		w.catalog = w.plan.catalog
	}
	w.hasher = w.salted()
	switch c.place {
	case doctor.EnvFile:
		if w.text, err = os.ReadFile(c.envFile); err != nil {
			return nil, misused("read env file: %w", err)
		}
	case doctor.Sink:
		if _, ok := cfg.Sinks[c.sink]; !ok {
			names := slices.Sorted(maps.Keys(cfg.Sinks))
			return nil, misused("the config has no sink %q%s", config.Shown(c.sink), didYouMean(c.sink, names, ""))
		}
	case doctor.Environment, doctor.Process, doctor.Config:
	}
	return w, nil
}

// salted makes the installation's own fingerprints where its salt is open to the caller,
// so that versions of the journal are recognized; else such as only compare what is seen
// now. It writes nothing.
func (w *ward) salted() secret.Hasher {
	if w.cfg != nil {
		file := w.cfg.SaltFile
		if file == "" {
			file = filepath.Join(w.cfg.StateDir, saltName)
		}
		if salt, err := readSalt(file); err == nil {
			w.stages = w.app.knownStages(w.cfg)
			return secret.NewHasher(salt)
		}
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt)
	return secret.NewHasher(secret.New(salt))
}

// patients are the keys that are asked about, or all that the place has.
func (w *ward) patients() ([]patient, error) {
	var names []string
	switch {
	case len(w.names) > 0:
		names = w.names
	case w.place == doctor.Sink:
		for _, name := range w.cfg.Sinks[w.sink].Keys {
			names = append(names, string(name))
		}
	case w.place == doctor.Config:
		for name := range w.cfg.Keys {
			names = append(names, string(name))
		}
	}
	if w.place == doctor.Process {
		if err := w.look(names); err != nil {
			return nil, err
		}
	}
	wanted := len(names) > 0
	if !wanted {
		names = w.found()
	}
	slices.Sort(names)
	var all []patient
	for _, name := range names {
		p, err := w.patient(name)
		if err != nil {
			return nil, err
		}
		same := func(o patient) bool { return o.Name == p.Name || !wanted && maps.Equal(o.Env, p.Env) } // a pair was found twice
		if !slices.ContainsFunc(all, same) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, misused("%s has no variable that belongs to a known provider: name the one that your program reads, as in `livekey doctor ANTHROPIC_API_KEY`", w.placeInWords())
	}
	return all, nil
}

// found are the variables of the place of which somebody knows that they are keys.
func (w *ward) found() []string {
	wanted := func(name string) bool { return knownVariable(name) || keyOf(w.cfg, name) != nil }
	var names []string
	switch w.place {
	case doctor.EnvFile:
		for name := range doctor.FileSettings(w.text, nil) {
			if wanted(name) {
				names = append(names, name)
			}
		}
	case doctor.Process:
		names = slices.Collect(maps.Keys(w.process.Held))
		names = slices.DeleteFunc(names, func(name string) bool { return !wanted(name) })
	case doctor.Environment:
		for _, pair := range os.Environ() {
			if name, _, _ := strings.Cut(pair, "="); wanted(name) {
				names = append(names, name)
			}
		}
		if len(names) == 0 { // what a profile sets was meant to be here
			home, _ := os.UserHomeDir()
			names = doctor.Profiled("/", home, wanted)
		}
	case doctor.Sink, doctor.Config:
	}
	return names
}

// look looks into the process. Without names, for every variable that is known.
func (w *ward) look(names []string) error {
	var variables, plain []string
	for _, name := range names {
		variables = append(variables, name)
		if k := keyOf(w.cfg, name); k != nil {
			variables = append(variables, slices.Collect(maps.Keys(k.Env))...)
		}
	}
	if len(names) == 0 {
		if w.cfg != nil {
			for _, k := range w.cfg.Keys {
				variables = append(variables, slices.Collect(maps.Keys(k.Env))...)
			}
		}
		for _, l := range w.catalog.List() {
			variables = append(variables, l.Variables...)
		}
	}
	for _, v := range slices.Clone(variables) {
		p, beside := doctor.SettingNames(v, w.addresses(v))
		plain = append(plain, p...)
		if len(names) > 0 {
			variables = append(variables, beside...)
		}
	}
	var err error
	w.process, err = holders.NewLocal(holders.Options{}).Process(w.pid, w.hasher, variables, plain)
	if err != nil {
		return &exitError{code: unknown, err: fmt.Errorf("%w: is it there, and yours? as root every process can be looked into", err)}
	}
	return nil
}

// addresses are the variables by which an issuer's file says that its address is named.
func (w *ward) addresses(variable string) []string {
	if p := w.issuerOf(variable); p != nil {
		return p.Addresses()
	}
	return nil
}

func (w *ward) patient(name string) (patient, error) {
	if k := keyOf(w.cfg, name); k != nil {
		p := patient{Key: *k, variable: name, managed: true}
		if _, ok := k.Env[name]; !ok {
			p.variable = slices.Sorted(maps.Keys(k.Env))[0]
		}
		return p, nil
	}
	if w.place == doctor.Config || w.place == doctor.Sink {
		var known []string
		for n := range w.cfg.Keys {
			known = append(known, string(n))
		}
		return patient{}, misused("the config has no key %q%s", config.Shown(name), didYouMean(name, known, ""))
	}
	if !shouted.MatchString(name) && !knownVariable(name) {
		return patient{}, misused("%q is no name of a variable", config.Shown(name))
	}
	made := w.made(name)
	return patient{Key: made, variable: name}, nil
}

// made is a key that no config has. How its issuer is asked, variables beside it may say:
// the address of one that everybody runs himself, a region.
func (w *ward) made(variable string) config.Key {
	k := config.Key{
		Name: key.Name(variable), Env: map[string]key.Part{variable: key.DefaultPart}, From: map[key.Part]key.Ref{},
		Policy: config.Default(false).Policy, Format: "plain",
	}
	if p := w.issuerOf(variable); p != nil {
		k.BaseURL, k.With = p.FromEnvironment(w.leading(variable, p))
		if p.Info().BaseURL != catalog.OwnAddress {
			k.BaseURL = "" // what leads elsewhere is a cause, and gets no key
		}
		for _, name := range w.together(p, variable) {
			if part, several := p.PartOf(name); several {
				k.Env[name] = part
			}
		}
	}
	for name, part := range k.Env {
		k.From[part] = w.ref(name)
	}
	return k
}

// leading reads the variables of a place that say where a key of it goes. A key of a file goes
// nowhere that only this environment names, as in `check --env-file`.
func (w *ward) leading(variable string, p *catalog.Provider) func(name string) string {
	if w.place == doctor.EnvFile {
		content := secret.New(w.text)
		return func(name string) string { return normalize.Setting(content, name) }
	}
	return w.beside(variable, p.Addresses())
}

// issuerOf is the provider that a variable's exact name belongs to; nil if that tells none.
func (w *ward) issuerOf(variable string) *catalog.Provider {
	id, err := w.catalog.Resolve([]string{variable})
	if err != nil || id == "" {
		return nil
	}
	p, err := w.catalog.Lookup(id)
	if err != nil {
		return nil
	}
	return p
}

// together are the variables of the key that variable belongs to: of each part the one that
// the place has, and of a part that no key lacks some name, so that it can be missed.
func (w *ward) together(p *catalog.Provider, variable string) []string {
	part, several := p.PartOf(variable)
	all, done := []string{variable}, map[key.Part]bool{part: true}
	if !several {
		return all
	}
	take := func(wanted func(name string, part key.Part) bool) {
		for _, name := range p.Info().Variables {
			if part, ok := p.PartOf(name); ok && !done[part] && wanted(name, part) {
				all, done[part] = append(all, name), true
			}
		}
	}
	take(func(name string, _ key.Part) bool { set, _ := w.has(name); return set })
	take(func(_ string, part key.Part) bool { return !slices.Contains(p.Info().Optional, string(part)) })
	return all
}

// ref is where the place has a variable.
func (w *ward) ref(variable string) key.Ref {
	if w.place == doctor.EnvFile {
		return key.Ref{Location: key.Location{Source: "file", Path: w.envFile, Params: sources.FormatParam + "=env"}, Field: variable}
	}
	return key.Ref{Location: key.Location{Source: "env", Path: variable}}
}

// has says whether the place has a variable, and whether it is empty there.
func (w *ward) has(variable string) (set, empty bool) {
	switch w.place {
	case doctor.Environment:
		v, ok := os.LookupEnv(variable)
		return ok, v == ""
	case doctor.EnvFile:
		v, ok := doctor.FileSettings(w.text, nil)[variable]
		return ok, v == ""
	case doctor.Process:
		h, ok := w.process.Held[variable]
		return ok, h.Empty
	case doctor.Sink, doctor.Config:
	}
	return false, false
}

// unitOf asks systemd what it would start the unit with.
func (w *ward) unitOf(ctx context.Context, variable string) doctor.Unit {
	name, own := w.unit, false
	if w.place == doctor.Process && name == "" {
		name, own = w.process.Unit, false
		if name == "" && w.process.UserUnit != "" && w.process.UID == os.Geteuid() {
			name, own = w.process.UserUnit, true
		}
	}
	if name == "" {
		return doctor.Unit{}
	}
	u := doctor.Unit{Name: name}
	b, err := systemd.NewEnvironment().Block(ctx, name, own)
	if err != nil {
		u.Why = secret.Scrub(err).Error()
		return u
	}
	u.Asked, u.Absent, u.Files = true, b.Absent, b.Files
	if b.Set[variable] {
		u.Has = "Environment="
	}
	for _, pattern := range b.Files {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				u.Unread = append(u.Unread, file)
				continue
			}
			if doctor.FileSettings(text, nil)[variable] != "" {
				u.Has = file
			}
			clear(text)
		}
	}
	if b.Unset[variable] {
		u.Has = ""
	}
	return u
}
