// Package engine drives the pipe: it reads sources, has versions proved, lets
// rotation decide, writes sinks and tells people. It knows contracts, never a
// concrete backend.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// Options are everything that an Engine works with. All of it is made by cmd.
type Options struct {
	Log         *slog.Logger
	Keys        []Key
	Sinks       []Sink
	Sources     map[string]sources.Source // by the name that a Location carries
	Channels    map[string]alerts.Channel // besides LogChannel
	LogChannel  alerts.Channel
	Prober      *validator.Prober
	Hasher      secret.Hasher
	Journal     *journal.Journal
	StartupWait time.Duration
	Machine     string  // by which this one's polls differ in time from those of others with the same config
	Count       Counter // nil: nobody counts
	// Attribute is the consumer that a process of this user belongs to, "" if nobody can
	// see. nil: nobody looks.
	Attribute func(pid int, uid uint32) key.Consumer
	// Lookers look for holders, one after another. None: nobody does.
	Lookers []holders.Looker
	Peers   map[string]Peer // other livekeys, of which consumers speak as host:NAME
	Logs    []Log
	// Inventories are lists of keys that issuers keep, by provider.
	Inventories map[string]Inventory
	// After is the engine that this one follows, in the same process and on the same
	// journal, once its Run has returned. Values that no source has any more, those of
	// old versions above all, come from it. nil: there was none.
	After *Engine
	// Heir says that another livekey may have filled the sinks, and that the journal knows
	// nothing of it: what they have is then current.
	Heir bool
}

// Key is one key as the engine sees it.
type Key struct {
	Name     key.Name
	Provider string
	From     map[key.Part]key.Ref
	Env      map[string]key.Part // variable: part
	Optional bool
	Checker  validator.Checker
	Host     string // keys of one host are siblings; empty: nobody is asked
	// Open makes the parts of a version of the records it is stored in, or says what
	// is wrong with them.
	Open    func(map[key.Location]sources.Record) (map[key.Part]secret.Value, *key.Verdict)
	Policy  rotation.Policy
	Refresh time.Duration // 0: the source's own
	Budget  int
	// Consumers are those that the config declares: the scope of every answer about who
	// has moved to a new version.
	Consumers []key.Consumer
	Revoke    *Revoke // nil: livekey revokes nothing
}

// Sink is one sink as the engine sees it.
type Sink struct {
	Name     string
	Path     string // where consumers read, for texts
	Sink     sinks.Sink
	Keys     []key.Name
	Complete bool // delay the first write until every key is there
	OnChange OnChange
}

// Engine follows all keys. Make one with New; Run or Once runs it, once.
type Engine struct {
	log         *slog.Logger
	prober      *validator.Prober
	hasher      secret.Hasher
	store       store
	count       Counter
	machine     string
	heir        bool
	startupWait time.Duration
	startupEnds time.Time // set before the first probe

	peers   map[string]Peer
	keys    map[key.Name]*keyRun
	sinks   map[string]*sinkRun
	sources map[string]*sourceRun
	hosts   *hosts
	alerts  *desk
	timers  timers
	trails  trails
	watch   watch

	attribute func(pid int, uid uint32) key.Consumer
	reports   reports
	logs      []*logRun

	inventories map[string]*inventoryRun // by provider
	adopting    sync.Mutex               // held while a record of adoptions is changed

	// spawn runs f while Run lasts, and Run waits for it. It is nil before.
	spawn   func(f func(context.Context))
	running chan struct{} // closed once spawn is set
	opened  chan struct{} // closed once every sink was read
	started chan struct{} // closed when first verdicts are there, or startup_wait is over
	settle  sync.Once
}

// New checks that everything refers to something and reads the journal. It
// touches no source, sink or issuer.
func New(o Options) (*Engine, error) {
	e := &Engine{
		log: o.Log, prober: o.Prober, hasher: o.Hasher, store: store{o.Journal}, startupWait: o.StartupWait,
		count: o.Count, machine: o.Machine, heir: o.Heir, attribute: o.Attribute, peers: o.Peers,
		keys: map[key.Name]*keyRun{}, sinks: map[string]*sinkRun{}, sources: map[string]*sourceRun{},
		running: make(chan struct{}), opened: make(chan struct{}), started: make(chan struct{}),
	}
	e.reports.inherit(o.After)
	if e.count == nil {
		e.count = uncounted{}
	}
	if err := e.store.adopt(o.Hasher.Epoch()); err != nil {
		return nil, err
	}
	var err error
	if e.alerts, err = newDesk(o.Log, e.store, o.LogChannel, o.Channels, o.Machine, e.count); err != nil {
		return nil, err
	}
	e.hosts = newHosts(e.alerts)
	e.watch.begin(o.Lookers, o.After, o.Hasher.Epoch())
	for _, s := range o.Sinks {
		run := &sinkRun{Sink: s, e: e, kept: map[key.Name]*entry{}}
		if len(s.OnChange.Steps) > 0 {
			run.reloads = newReloads(run)
		}
		e.sinks[s.Name] = run
	}
	e.inventories = map[string]*inventoryRun{}
	for provider, from := range o.Inventories {
		e.inventories[provider] = newInventoryRun(e, provider, from)
	}
	for _, k := range o.Keys {
		if err := e.addKey(k, o.Sources, o.After); err != nil {
			return nil, err
		}
	}
	for _, l := range o.Logs {
		for _, of := range l.Keys {
			if e.keys[of.Key] == nil {
				return nil, fmt.Errorf("%s: no key %s", l.Name, of.Key)
			}
		}
		e.logs = append(e.logs, &logRun{Log: l, e: e})
	}
	// By name: in another order after every start, the sinks that an alert names would
	// look like news.
	for _, sink := range slices.Sorted(maps.Keys(e.sinks)) {
		s := e.sinks[sink]
		for _, name := range s.Keys {
			k := e.keys[name]
			if k == nil {
				return nil, fmt.Errorf("sink %s: no key %s", s.Name, name)
			}
			k.sinks = append(k.sinks, s)
		}
	}
	return e, nil
}

func (e *Engine) addKey(k Key, all map[string]sources.Source, before *Engine) error {
	run := &keyRun{Key: k, e: e, inventory: e.inventoryOf(k.Provider)}
	if k.Revoke != nil {
		run.revoking.since = map[key.Fingerprint]time.Time{}
	}
	var err error
	if run.state, err = e.store.key(k.Name); err != nil {
		return err
	}
	run.inherit(before)
	for _, ref := range k.From {
		src := e.sources[ref.Source]
		if src == nil {
			backend, ok := all[ref.Source]
			if !ok {
				return fmt.Errorf("key %s: no source %s", k.Name, ref.Source)
			}
			src = newSourceRun(e, ref.Source, backend)
			e.sources[ref.Source] = src
		}
		if l := src.add(ref.Location, run); !slices.Contains(run.places, l) {
			run.places = append(run.places, l)
		}
	}
	for name, part := range k.Env {
		run.variables = append(run.variables, variable{name, part})
	}
	run.From, run.Env = nil, nil // places and variables say it from now on
	e.keys[k.Name] = run
	return nil
}

// Run follows every key until ctx ends, finishes writes that have begun, and
// returns nil. One bad key, source, issuer or sink never ends it.
func (e *Engine) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	e.spawn = func(f func(context.Context)) {
		g.Go(func() error { f(gctx); return nil })
	}
	e.startupEnds = time.Now().Add(e.startupWait)
	close(e.running)
	e.alerts.keepOnly(e.subjects())
	e.forgetReloads()
	e.configTaken()
	e.alerts.run(e.spawn)
	for _, s := range e.sinks {
		s.open(gctx)
	}
	close(e.opened)
	for _, k := range e.keys {
		k.begin()
	}
	e.spawn(e.timers.run) // not before: consumers are told of what the keys know to be delivered
	for _, s := range e.sources {
		s.begin()
	}
	for _, s := range e.sinks {
		s.watchDrift()
	}
	for _, l := range e.logs {
		e.spawn(l.follow)
	}
	for _, i := range e.inventories {
		if i.needed() {
			e.spawn(i.follow)
		}
	}
	e.timers.set(e, e.startupEnds, e.startupOver)
	e.lookIfOwed()
	e.settled()
	err := g.Wait()
	e.prober.Wait()
	if errJournal := e.store.Sync(); err == nil {
		err = errJournal
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// subjects are all that an alert can be about.
func (e *Engine) subjects() map[string]bool {
	all := map[string]bool{itself: true, configured: true}
	for _, k := range e.keys {
		all[k.subject()], all[hostSubject(k.Host)] = true, true
		all[k.revokeSubject()] = k.Revoke != nil
	}
	for _, s := range e.sinks {
		all[s.subject()] = true
	}
	for _, s := range e.sources {
		all[s.subject()] = true
	}
	for _, i := range e.inventories {
		all[i.subject()] = true
	}
	return all
}

// keep tells whether the journal could be written.
func (e *Engine) keep(err error) {
	if err != nil {
		e.selfDegraded("the journal cannot be written", err)
		return
	}
	e.alerts.resolve(itself, key.SelfDegraded, "the journal is written again")
}

// Once runs until first verdicts are there, or startup_wait is over, every write that
// follows from them has ended, and consumers were told of it. Alerts that are waiting get drain to leave.
func (e *Engine) Once(ctx context.Context, drain time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.logs = nil // nobody stays to hear what they will say
	var g errgroup.Group
	g.Go(func() error { return e.Run(ctx) })
	select {
	case <-e.started:
	case <-ctx.Done():
	}
	e.finishReloads(ctx)
	e.alerts.drained(ctx, drain)
	cancel()
	return g.Wait()
}

// Opened is closed when every sink was read: from then on Status and Ready know
// what is delivered.
func (e *Engine) Opened() <-chan struct{} { return e.opened }

// Started is closed when every required key has its first verdict and its sinks
// are written, or startup_wait is over.
func (e *Engine) Started() <-chan struct{} { return e.started }

// publishTime is how long a write may take that startupOver causes.
const publishTime = time.Second

// startupOver lets on_unknown speak, and waits for nobody any longer. What it
// publishes is written before the engine counts as started, if that is done soon:
// an issuer or a sink that hangs is not waited for.
func (e *Engine) startupOver() {
	for _, k := range e.keys {
		k.post(rotation.StartupOver{At: now()})
	}
	e.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, publishTime)
		defer cancel()
		for _, k := range e.keys {
			k.idle(ctx)
		}
		for _, s := range e.sinks {
			s.idle(ctx)
		}
		for _, k := range e.keys { // until it has heard what was written
			k.idle(ctx)
		}
		e.settle.Do(func() { close(e.started) })
	})
}

// untilStartupEnds bounds a call at start, so that its key is free to hear that
// startup_wait is over. Later calls have only their own bounds.
func (e *Engine) untilStartupEnds(ctx context.Context) (context.Context, context.CancelFunc) {
	select {
	case <-e.started:
	default:
		if time.Now().Before(e.startupEnds) {
			return context.WithDeadline(ctx, e.startupEnds)
		}
	}
	return ctx, func() {}
}

// settled closes started if no required key is being waited for.
func (e *Engine) settled() {
	select {
	case <-e.started:
		return
	default:
	}
	for _, k := range e.keys {
		if !k.Optional && !k.settled() {
			return
		}
	}
	e.settle.Do(func() { close(e.started) })
}

// Alive says what is stuck, nil while time goes on: it depends on no backend,
// issuer or sink.
func (e *Engine) Alive() error {
	if beat := e.timers.lastBeat(); time.Since(beat) > 3*heartbeat {
		return fmt.Errorf("nothing was scheduled since %s", beat.UTC().Format(time.RFC3339))
	}
	return nil
}

// now is the time that events carry: UTC, and still monotonic for durations.
func now() time.Time { return time.Now().UTC() }
