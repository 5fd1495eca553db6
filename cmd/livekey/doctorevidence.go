package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
)

// evidence gathers all that can be seen of one key.
func (w *ward) evidence(ctx context.Context, k patient) (doctor.Evidence, error) {
	e := doctor.Evidence{
		Now: time.Now(), Key: k.Name, Variable: k.variable, Place: w.place, At: w.placeInWords(), File: w.envFile,
		Offline: w.offline, Unit: w.unitOf(ctx, k.variable),
	}
	if e.Unit.Why != "" {
		e.Unseen = append(e.Unseen, "unit "+e.Unit.Name+": "+e.Unit.Why)
	}
	if e.Unit.Absent {
		e.Unseen = append(e.Unseen, "systemd has no unit "+e.Unit.Name)
	}
	var source sample
	if k.managed {
		var err error
		if source, err = w.read(ctx, w.plan, k.Key); err != nil {
			return e, err
		}
		e.Held.From = fromOf(k.Key)
	} else if w.place == doctor.Process {
		var err error
		if source, err = w.fromHere(ctx, k); err != nil {
			return e, err
		}
		e.Held.From = "this environment"
	}
	var here sample
	var err error
	switch w.place {
	case doctor.Config:
		here = source
		e.Set, e.SourceErr = here.err == nil, here.why()
	case doctor.Sink:
		here, err = w.inSink(ctx, k, w.sink, source.issuer)
		e.Set, e.Empty, e.File = here.set, here.empty, pathOf(w.plan.sinks[w.sink])
	case doctor.Process:
		e.Process = doctor.Running{PID: w.pid, Command: w.process.Command, Started: w.process.At, Unit: w.process.Unit, UserUnit: w.process.UserUnit}
		e.Set, e.Empty, e.Missing = w.complete(k)
	case doctor.Environment, doctor.EnvFile:
		e.Set, e.Empty, e.Missing = w.complete(k)
		if e.Set && !e.Empty {
			here, err = w.fromPlace(ctx, k)
		}
	}
	if err != nil {
		return e, err
	}
	w.surroundings(&e)
	e.Faults = here.faults
	who := here.issuer
	if who.id == "" {
		who = source.issuer
	}
	w.recognize(&e, k, who, cmp.Or(here.first(k), source.first(k)))
	switch {
	case w.place == doctor.Process:
		w.compareProcess(ctx, &e, k, source)
	case w.place == doctor.Sink:
		w.compare(ctx, &e, source, here.equal(source), w.print(here))
	default:
		w.ask(ctx, &e, here)
		if k.managed && w.place != doctor.Config && here.values != nil {
			w.compare(ctx, &e, source, here.equal(source), w.print(here))
		}
	}
	w.walk(ctx, &e)
	return e, nil
}

// complete says whether the place has every variable of a key, and whether one is empty.
func (w *ward) complete(k patient) (set, empty bool, missing []string) {
	for _, variable := range slices.Sorted(maps.Keys(k.Env)) {
		there, nothing := w.has(variable)
		if !there {
			missing = append(missing, variable)
		}
		empty = empty || nothing
	}
	return len(missing) == 0, empty, missing
}

// surroundings are what is beside the key: in its place, in the files of shells, in CI.
func (w *ward) surroundings(e *doctor.Evidence) {
	home, _ := os.UserHomeDir()
	switch e.Place {
	case doctor.Environment:
		e.Profile = doctor.Profile("/", home, e.Variable)
		e.CI = doctor.Pipeline(os.Getenv)
	case doctor.Process:
		if w.process.UID == os.Geteuid() {
			e.Profile = doctor.Profile("/", home, e.Variable)
		}
	case doctor.EnvFile:
		e.Shell = doctor.ReadShellFile(w.envFile, w.text, e.Variable)
	case doctor.Sink, doctor.Config:
	}
}

// recognize says who issued the key, what kind of credential it is, and what surrounds it.
func (w *ward) recognize(e *doctor.Evidence, k patient, who issuer, v *secret.Value) {
	id := who.id
	if id == "" && v != nil {
		id = w.catalog.ResolveValue(*v)
	}
	if id == "" {
		id, _ = w.catalog.Resolve([]string{k.variable})
	}
	e.Provider = id
	if p, err := w.catalog.Lookup(id); err == nil {
		e.Issuer, e.Signs = p.Info().Name, p.Signs()
		if v != nil {
			kind, fits := p.Kind(*v, k.With)
			e.Class, e.Misfit = kind, !fits
		}
		s := catalog.Settings{BaseURL: k.BaseURL, With: k.With, Client: w.client}
		if checker, err := p.Checker(withCode(s)); err == nil {
			if h, ok := checker.(validator.Hoster); ok {
				e.Hosts = h.Hosts()
			}
		}
		env := map[key.Part]string{}
		for variable, part := range k.Env {
			env[part] = variable
		}
		if w.place != doctor.Process || k.managed { // where a process asks is no place for the key of whoever pastes this
			e.Request = p.Curl(s, e.Class, env)
		}
		e.Settings = doctor.Around(e.Variable, p.Addresses(), e.Hosts, w.beside(e.Variable, p.Addresses()))
	} else {
		e.Settings = doctor.Around(e.Variable, nil, nil, w.beside(e.Variable, nil))
	}
}

func (w *ward) ask(ctx context.Context, e *doctor.Evidence, s sample) {
	if e.Place == doctor.Config && errors.Is(s.err, key.ErrNotFound) || e.Place != doctor.Config && !s.set {
		return
	}
	e.Verdict, e.Asked = w.prove(ctx, s)
	if s.err != nil { // its source did not answer, and whoever asks about the key hears that
		e.Set, e.Asked = true, true
		e.Verdict.Reason = key.Transient
	}
}

// compare says whether the place has what the source has. Of what only the place has,
// nobody is asked.
func (w *ward) compare(ctx context.Context, e *doctor.Evidence, source sample, same bool, mark string) {
	if !e.Set || e.Empty || source.values == nil {
		return
	}
	e.Held.Compared, e.Held.Same = true, same
	v, asked := w.prove(ctx, source)
	if same {
		if !e.Asked {
			e.Verdict, e.Asked = v, asked
		}
		return
	}
	e.Held.Verdict, e.Held.Stage = v, w.stages[e.Key][mark]
}

// compareProcess compares fingerprints, which is all that is known of a process.
func (w *ward) compareProcess(ctx context.Context, e *doctor.Evidence, k patient, source sample) {
	same, bare := true, false
	for variable, part := range k.Env {
		v, there := source.values[part]
		held := w.process.Held[variable]
		mark := w.hasher.Part(v)
		same = same && there && (held.Print == mark || held.Bare == mark)
		bare = bare || there && held.Bare == mark
	}
	if bare && same {
		const detail = "is the right key with quotes or blanks around it, as docker --env-file and some launchers leave them"
		e.Faults = append(e.Faults, normalize.Fault{Name: normalize.Quotes, Part: key.DefaultPart, Detail: detail})
	}
	if k.managed {
		e.Held.Written = w.written(ctx, k, source)
	}
	w.compare(ctx, e, source, same, w.process.Held[k.variable].Print.String())
}

// print is the fingerprint by which the journal knows a version, in the short form.
func (w *ward) print(s sample) string {
	if len(s.values) == 0 {
		return ""
	}
	return w.hasher.Version(s.values).String()
}

// written is when the last sink was written that has what the source has; zero if none has.
func (w *ward) written(ctx context.Context, k patient, source sample) (at time.Time) {
	for name, s := range w.cfg.Sinks {
		if !slices.Contains(s.Keys, k.Name) {
			continue
		}
		there, err := w.inSink(ctx, k, name, source.issuer)
		if err != nil || !there.equal(source) {
			continue
		}
		path := pathOf(w.plan.sinks[name])
		if inside, err := os.Stat(filepath.Join(path, k.variable)); err == nil && inside.ModTime().After(at) {
			at = inside.ModTime() // a directory of files
		} else if file, err := os.Stat(path); err == nil && !file.IsDir() && file.ModTime().After(at) {
			at = file.ModTime()
		}
	}
	return at
}

// walk looks at the road, once a host, where a key did not come through.
func (w *ward) walk(ctx context.Context, e *doctor.Evidence) {
	if w.offline || !e.Asked || e.Verdict.Outcome == key.Live || len(e.Hosts) == 0 || !strings.HasPrefix(e.Hosts[0], "http") ||
		strings.Contains(e.Hosts[0], "*") {
		return
	}
	w.walking.Lock()
	defer w.walking.Unlock()
	host := e.Hosts[0]
	road, ok := w.roads[host]
	if !ok {
		road = doctor.Walk(ctx, w.client, host)
		w.roads[host] = road
	}
	e.Road = road
}

// knownStages are the versions that the journal knows, by key and fingerprint.
func (a *app) knownStages(cfg *config.Config) map[key.Name]map[string]key.Stage {
	j, err := journal.OpenReadOnly(cfg.StateDir, a.quiet())
	if err != nil {
		return nil
	}
	defer func() { _ = j.Close() }()
	s, err := engine.Remembered(j)
	if err != nil {
		return nil
	}
	all := map[key.Name]map[string]key.Stage{}
	for _, k := range s.Keys {
		stages := map[string]key.Stage{}
		for _, o := range k.Older {
			stages[o.Fingerprint] = key.StagePrevious
		}
		if k.Current != nil {
			stages[k.Current.Fingerprint] = key.StageCurrent
		}
		all[k.Name] = stages
	}
	return all
}

// fromOf is where a config has a key from.
func fromOf(k config.Key) string {
	var all []string
	for _, part := range slices.Sorted(maps.Keys(k.From)) {
		all = append(all, config.FormatRef(k.From[part]))
	}
	return strings.Join(slices.Compact(all), " ")
}
