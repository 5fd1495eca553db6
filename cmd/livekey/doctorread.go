package main

import (
	"context"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator/catalog"
)

// sample is a key as it was read at one place.
type sample struct {
	key        engine.Key
	issuer     issuer
	records    map[key.Location]sources.Record
	values     map[key.Part]secret.Value // nil with faults
	faults     normalize.Faults
	err        error // of the source
	set, empty bool
}

func (s sample) why() string {
	if s.err == nil {
		return ""
	}
	return s.err.Error()
}

func (s sample) equal(o sample) bool {
	return len(s.values) > 0 && maps.EqualFunc(s.values, o.values, secret.Value.Equal)
}

// first is the value by which an issuer tells kinds of credential.
func (s sample) first(k patient) *secret.Value {
	part := k.Env[k.variable]
	if v, ok := s.values[part]; ok {
		return &v
	}
	return nil
}

// read takes a key out of its source, as often as it is asked about: once.
func (w *ward) read(ctx context.Context, p *plan, k config.Key) (sample, error) {
	who, err := p.issuer(k, w.client)
	if err != nil {
		return sample{}, err
	}
	s := sample{issuer: who, records: map[key.Location]sources.Record{}}
	i := slices.IndexFunc(p.keys, func(o engine.Key) bool { return o.Name == k.Name })
	s.key = p.keys[i]
	for _, ref := range k.From {
		if _, done := s.records[ref.Location]; done {
			continue
		}
		record, err := p.sources[ref.Source].Fetch(ctx, ref.Location)
		if err != nil {
			s.err = err
			return s, nil //nolint:nilerr // what a source says is evidence
		}
		s.records[ref.Location] = record
	}
	if k.Form != "" {
		who.form = k.Form
	}
	s.values, s.faults = p.reader(k, who)(s.records)
	if len(s.faults) > 0 {
		s.values = nil
	}
	return s, nil
}

// fromPlace reads a key of the environment or of an env file. Who issued it, and where
// that is asked, the config says if it has the key.
func (w *ward) fromPlace(ctx context.Context, k patient) (sample, error) {
	moved := k.Key
	moved.From = map[key.Part]key.Ref{}
	for variable, part := range k.Env {
		if set, empty := w.has(variable); set && !empty {
			moved.From[part] = w.ref(variable)
		}
	}
	moved.Format = "plain" // how a source wraps it is the source's own
	cfg := config.Default(false)
	cfg.Keys = map[key.Name]config.Key{k.Name: moved}
	cfg.Sources = map[string]config.Source{}
	for _, ref := range moved.From {
		cfg.Sources[ref.Source] = config.Source{Name: ref.Source, Kind: ref.Source}
	}
	if w.cfg != nil {
		cfg.Providers = w.cfg.Providers
	}
	p, err := assemble(cfg, w.app.quiet(), knowsNothing)
	if err != nil {
		return sample{}, asUsage(err)
	}
	s, err := w.read(ctx, p, moved)
	s.set = true
	return s, err
}

// fromHere reads a key of a process, which no config has, out of the environment of whoever
// asks: the one is compared with the other, and the caller's own may be sent. Where to, the
// caller's environment says as well: whoever started the process could lead it to himself.
func (w *ward) fromHere(ctx context.Context, k patient) (sample, error) {
	here := &ward{complaint: w.complaint, app: w.app, cfg: w.cfg, client: w.client, catalog: w.catalog}
	here.place = doctor.Environment
	if set, empty, others := here.complete(k); !set || empty || len(others) > 0 {
		return sample{}, nil
	}
	own := here.made(k.variable)
	k.BaseURL, k.With = own.BaseURL, own.With
	askable := true
	if p := w.issuerOf(k.variable); p != nil {
		askable = p.Lint(withCode(catalog.Settings{BaseURL: k.BaseURL, With: k.With})) == nil
	}
	if !askable { // there is still the comparison
		k.Provider, k.BaseURL, k.With = config.NoProvider, "", nil
	}
	s, err := here.fromPlace(ctx, k)
	if !askable {
		s.issuer = issuer{}
	}
	return s, err
}

// inSink reads a key back from a sink, and lints what is there.
func (w *ward) inSink(ctx context.Context, k patient, sink string, who issuer) (sample, error) {
	s := sample{issuer: who}
	reader, ok := w.plan.sinks[sink].(sinks.Reader)
	if !ok {
		return s, misused("sink %s cannot be read back", sink)
	}
	w.reading.Lock() // a sink is nobody's at the same time
	content, err := reader.Read(ctx)
	w.reading.Unlock()
	if err != nil {
		return s, &exitError{code: unknown, err: err}
	}
	s.records = map[key.Location]sources.Record{}
	moved := k.Key
	moved.From, moved.Format = map[key.Part]key.Ref{}, "plain"
	for variable, part := range k.Env {
		value, there := content.Values[variable]
		if !there {
			continue
		}
		s.set, s.empty = true, s.empty || value.Len() == 0
		at := key.Location{Source: sink, Path: variable}
		moved.From[part], s.records[at] = key.Ref{Location: at}, sources.Record{Data: value}
	}
	if s.set && !s.empty {
		s.values, s.faults = w.plan.reader(moved, who)(s.records)
		if len(s.faults) > 0 {
			s.values = nil
		}
	}
	return s, nil
}

// replay gives once more what was read before, so that what was linted is what is proved.
type replay map[key.Location]sources.Record

func (r replay) Fetch(_ context.Context, loc key.Location) (sources.Record, error) {
	if record, ok := r[loc]; ok {
		return record, nil
	}
	return sources.Record{}, key.ErrNotFound
}

// prove asks the issuer of a sample, unless nobody is to be asked.
func (w *ward) prove(ctx context.Context, s sample) (v key.Verdict, asked bool) {
	switch {
	case s.err != nil:
		return key.Verdict{Reason: key.NotYetAsked, Detail: s.err.Error()}, false
	case len(s.faults) > 0:
		return s.faults.Verdict(), false
	case s.values == nil || w.offline && !w.asksNobody(s):
		return key.Verdict{}, false
	}
	from := map[string]sources.Source{}
	for loc := range s.records {
		from[loc.Source] = replay(s.records)
	}
	v, _, _ = engine.Examine(ctx, s.key, from, w.prober, w.hasher, nil) // a replay has everything
	return v, !w.asksNobody(s) && v.Reason != key.NoProvider
}

// asksNobody says whether all that can be known of a sample is read from the value.
func (w *ward) asksNobody(s sample) bool {
	if s.issuer.id == config.NoProvider {
		return true
	}
	p, err := w.catalog.Lookup(s.issuer.id)
	return err == nil && p.Info().Offline
}
