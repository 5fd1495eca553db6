package engine

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// keyRun follows one key. Its steps run one after another in a goroutine that
// exists only while it has work.
type keyRun struct {
	Key
	e         *Engine
	sinks     []*sinkRun
	places    []*location // where it is read from, each once
	variables []variable  // what it is delivered as

	mu        sync.Mutex
	queue     []queued
	shift     shift
	state     rotation.State
	materials materials
	lost      []key.Fingerprint               // versions that no backend has any more, as far as was asked
	latest    key.Fingerprint                 // of the version that was last made of what was read
	records   map[key.Location]sources.Record // of a key that is read from several places: the last of each
	failing   map[key.Location]string         // places that cannot be read now, and why

	revoking  revoking
	inventory *inventoryRun // nil: nobody lists such keys
}

// variable is one of those that a key is delivered as. A list of one takes a tenth of a
// map of one, and there are thousands.
type variable struct {
	name string
	part key.Part
}

// queued is an event on its way to rotation. A version that was read travels with
// its event: until rotation knows it, nothing else keeps its bytes.
type queued struct {
	event    rotation.Event
	material *proof.Material
}

// inherit takes over the values that before, which has ended, holds of this key. All
// else is in the journal, as after a restart. Under another salt its fingerprints mean
// nothing.
func (k *keyRun) inherit(before *Engine) {
	if before == nil || before.hasher.Epoch() != k.e.hasher.Epoch() {
		return
	}
	if was := before.keys[k.Name]; was != nil {
		k.materials = was.materials
	}
}

// begin tells the state machine what the sinks have and that time goes on.
func (k *keyRun) begin() {
	if k.e.heir {
		k.inheritSinks()
	}
	at := now()
	state := k.snapshot()
	current := state.Current
	for _, v := range []*rotation.Version{state.Delivering, state.Candidate} {
		if v != nil && !state.Was(v.Fingerprint) && k.anySinkHas(v.Fingerprint) { // written, and killed before it was noted
			k.post(rotation.Delivered{At: at, Fingerprint: v.Fingerprint, Lacking: k.lacking(v.Fingerprint)})
			current = v
			break
		}
	}
	k.post(rotation.Started{At: at})
	if current != nil {
		if how := k.lacking(current.Fingerprint); how != rotation.LackingNothing || state.Replaceable() {
			k.post(rotation.Lacked{At: at, How: how})
		}
	}
	k.post(rotation.Ticked{At: at})
	k.planRevoking(&state)
}

// post queues an event and makes sure that somebody works on it.
func (k *keyRun) post(ev rotation.Event) { k.enqueue(queued{event: ev}) }

func (k *keyRun) enqueue(q queued) {
	k.mu.Lock()
	k.queue = append(k.queue, q)
	start := k.shift.begin()
	k.mu.Unlock()
	if start {
		k.e.spawn(k.work)
	}
}

// work takes events until there are none, or ctx ends.
func (k *keyRun) work(ctx context.Context) {
	for {
		k.mu.Lock()
		if len(k.queue) == 0 || ctx.Err() != nil {
			k.shift.end()
			k.mu.Unlock()
			if ctx.Err() == nil {
				k.e.settled()
			}
			return
		}
		next := k.queue[0]
		k.queue = k.queue[1:]
		if next.material != nil {
			k.materials.put(*next.material)
		}
		k.mu.Unlock()
		k.step(ctx, next.event)
	}
}

// idle returns when no step is under way.
func (k *keyRun) idle(ctx context.Context) { k.shift.idle(ctx, &k.mu) }

// step lets rotation decide about one event, does what it says, and goes on with
// the verdicts that came of it.
//
// What was decided is kept after it was done, so that no delivery waits for the
// journal and a crash between the two repeats an alert rather than losing it. It
// is kept before a call, which may take long, and before a version is delivered
// of which the journal knows nothing: after a crash it would be a stranger's.
func (k *keyRun) step(ctx context.Context, ev rotation.Event) {
	for events := []rotation.Event{ev}; len(events) > 0; events = events[1:] {
		before, after, actions := k.next(events[0])
		keep := sync.OnceFunc(func() { k.keep(events[0], &before, &after) })
		for _, action := range actions {
			switch a := action.(type) {
			case rotation.Check:
				keep()
				if checked, ok := k.check(ctx, a); ok {
					events = append(events, checked)
				}
				continue
			case rotation.Deliver:
				if before.Find(a.Fingerprint) == nil {
					keep()
				}
			}
			k.act(action)
		}
		keep()
		if _, answered := events[0].(rotation.Checked); answered {
			events = append(events, k.listings()...)
		}
	}
}

// snapshot is the state as it is now. Whoever has it changes nothing of it.
func (k *keyRun) snapshot() rotation.State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// next moves the state on.
func (k *keyRun) next(ev rotation.Event) (before, after rotation.State, actions []rotation.Action) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before = k.state
	p := k.Policy
	p.Probe = k.e.prober.Stretch(k.Name, k.Budget, p.Probe)
	after, actions = rotation.Next(p, before, ev)
	k.state = after
	k.materials.keepOnly(&after)
	return before, after, actions
}

// keep writes down what an event changed.
func (k *keyRun) keep(ev rotation.Event, before, after *rotation.State) {
	if !reflect.DeepEqual(before.Durable(), after.Durable()) {
		k.e.keep(k.e.store.Put(kindKey, string(k.Name), *after))
	}
	k.trace(ev, before, after)
	if before.Current != nil && after.Current != nil && before.Current.Fingerprint != after.Current.Fingerprint {
		k.planRevoking(after)
	}
	k.logStages(before, after)
	k.noticeReplaced(before, after)
}

func (k *keyRun) check(ctx context.Context, a rotation.Check) (rotation.Checked, bool) {
	v, lost, ok := k.probe(ctx, a)
	if !ok {
		return rotation.Checked{}, false
	}
	at := now()
	return rotation.Checked{At: at, Verdict: v, Issuer: k.e.hosts.heard(k, v, at), Lost: lost}, true
}

func (k *keyRun) act(action rotation.Action) {
	switch a := action.(type) {
	case rotation.Refetch:
		for _, l := range k.places {
			k.e.sources[l.loc.Source].request(l.loc)
		}
	case rotation.Deliver:
		k.deliver(a)
	case rotation.Withdraw:
		for _, s := range k.sinks {
			s.withdraw(k.Name, a.Fingerprint)
		}
	case rotation.Open:
		k.e.alerts.open(k.subject(), k.Name, k.Provider, k.affectedBy(a), a)
	case rotation.Resolve:
		k.e.alerts.resolve(k.subject(), a.Cause, a.Reason)
	case rotation.Look:
		k.e.lookSoon(a.Reason, 0)
	case rotation.WakeAt:
		k.e.timers.set(k, a.At, func() { k.post(rotation.Ticked{At: now()}) })
	}
}

// probe asks the issuer. It is not ok if livekey is being stopped: then nothing was
// learned. Lost says that nobody was asked, since nobody has the bytes any more.
func (k *keyRun) probe(ctx context.Context, a rotation.Check) (v key.Verdict, lost, ok bool) {
	k.mu.Lock()
	m, held := k.materials.get(a.Fingerprint)
	k.mu.Unlock()
	if !held {
		var err error
		if m, err = k.recall(ctx, a.Fingerprint); err != nil {
			return key.Verdict{
				Reason: key.NotYetAsked, Fingerprint: a.Fingerprint, CheckedAt: now(), Detail: err.Error(),
			}, errors.Is(err, errLost), ctx.Err() == nil
		}
	}
	asking, cancel := k.e.untilStartupEnds(ctx)
	defer cancel()
	v = k.e.prober.Probe(asking, validator.Request{
		Key: k.Name, Provider: k.Provider, Checker: k.Checker, Material: m,
		Purpose: purposes[a.Purpose], Budget: k.Budget, MaxAge: k.maxAge(a.Purpose),
	})
	if ctx.Err() != nil {
		return key.Verdict{}, false, false
	}
	k.mu.Lock()
	k.materials.heard(v)
	k.mu.Unlock()
	k.e.log.DebugContext(ctx, "key checked", "key", k.Name, "version", m.Version, "fingerprint", m.Fingerprint,
		"provider", k.Provider, "outcome", v.Outcome, "reason", v.Reason, "because", a.Reason)
	return v, false, true
}

var purposes = map[rotation.Purpose]validator.Purpose{
	rotation.Routine:   validator.Routine,
	rotation.Candidate: validator.Candidate,
	rotation.Confirm:   validator.Confirm,
}

// maxAge lets keys with equal bytes share one routine probe: an answer that
// another of them got in this half of the interval will do.
func (k *keyRun) maxAge(p rotation.Purpose) time.Duration {
	if p == rotation.Routine {
		return k.Policy.Probe / 2
	}
	return 0
}

// deliver turns the version into Proved, the only form in which a sink takes it.
func (k *keyRun) deliver(a rotation.Deliver) {
	k.mu.Lock()
	m, held := k.materials.get(a.Fingerprint)
	v := k.materials.verdict(a.Fingerprint)
	k.mu.Unlock()
	if !held {
		return // rotation asks about it again, and hears that its bytes are gone
	}
	p, err := prove(m, v, a.Exception)
	if err != nil {
		k.e.log.Error("version not delivered", "key", k.Name, "version", m.Version, "err", err)
		return
	}
	if len(k.sinks) == 0 { // a key that is only watched
		k.post(rotation.Delivered{At: now(), Fingerprint: m.Fingerprint, Unproved: p.Unproved()})
		return
	}
	for _, s := range k.sinks {
		if a.FillsOnly() {
			if has, empty := s.hasVersion(k.Name, m.Fingerprint); !has && !empty {
				continue
			}
		}
		s.want(k.Name, &entry{proved: p, at: v.CheckedAt, maxAge: k.Policy.Probe, fills: a.FillsOnly()})
	}
}

func prove(m proof.Material, v key.Verdict, e rotation.Exception) (proof.Proved, error) {
	if e == rotation.Proven {
		return proof.Prove(m, v)
	}
	return proof.Except(proof.Exception(e), m, v)
}

// lasting are reasons of unknown that only a change of the config or the key ends.
var lasting = map[key.Reason]bool{key.WrongAuthMethod: true, key.Misconfigured: true, key.Unsupported: true}

// settled says whether there is nothing to wait for at start: its source was
// read, and it is delivered and asked about, or there is an answer that waiting
// does not change. What the journal remembers is no answer of this run.
func (k *keyRun) settled() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.shift.busy() || !k.wasRead() {
		return false
	}
	s := &k.state
	if c := s.Candidate; c != nil && !c.SeenLast.IsZero() {
		switch c.Hold {
		case rotation.HoldMisplaced, rotation.HoldWorse, rotation.HoldPaused, rotation.HoldRegressed, rotation.HoldFailed:
			return true
		case rotation.HoldRejected, rotation.HoldMalformed:
			return c.Settled() // then it is told, also to those who hear of it by an alert
		case rotation.HoldUnknown:
			return c.Settled() && lasting[c.Latest.Reason]
		default:
			return false
		}
	}
	if s.Delivering != nil {
		return false
	}
	if s.Current == nil {
		return s.Missing
	}
	asked := !s.Current.Latest.CheckedAt.IsZero() && s.Current.Latest.Reason != key.NotYetAsked
	return asked && (s.Lacking == rotation.LackingNothing || s.Current.Latest.Outcome == key.Dead)
}

// affected names the sinks of the key: who feels it when something is wrong.
func (k *keyRun) affected() []string {
	var names []string
	for _, s := range k.sinks {
		names = append(names, "sink "+s.Name)
	}
	return names
}

// affectedBy are those whom an alert concerns. One about an old version leaves out the
// sinks that have the new one.
func (k *keyRun) affectedBy(a rotation.Open) []string {
	if a.Cause != key.RevokedEarly && a.Cause != key.OverlapTooLong {
		return append(k.affected(), a.Affected...)
	}
	var names []string
	current := k.currentPrint()
	for _, s := range k.sinks {
		if has, _ := s.hasVersion(k.Name, current); !has {
			names = append(names, "sink "+s.Name)
		}
	}
	return append(names, a.Affected...)
}

func (k *keyRun) subject() string { return "key/" + string(k.Name) }
