package engine

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/reload"
	"github.com/livekey/livekey/internal/schedule"
)

// OnChange says who is told that a sink changed.
type OnChange struct {
	Steps            []reload.Step // one after another
	WaitMin, WaitMax time.Duration // told after WaitMin without a change, WaitMax after the first at the latest
	Splay            time.Duration // and up to this later, by the machine
	Revert           bool          // a version that a consumer does not come back with is to be replaced by the one before
}

// Times of asking again where nobody could be told.
const (
	untoldRetryFirst = 30 * time.Second
	untoldRetryLimit = 10 * time.Minute
	pausedLook       = 5 * time.Second // and where a key is paused
)

// reloads tells the consumers of one sink. It works in a goroutine that exists only
// while a reload is due.
type reloads struct {
	OnChange
	s *sinkRun

	mu          sync.Mutex
	owed        *owed   // as the journal has it
	has         content // of the sink: by the last write, or as it was found
	next        content // what a write is about to make of it; else the same
	at          time.Time
	first, last time.Time // of the changes that nobody was told of yet; zero: none
	told        time.Time // when the last round ended in which all of them came back, in this run
	untold      int       // times in a row that nobody could be told
	shift       shift
	again       bool // a person asks to try once more
	doubt       bool // a write failed: what is in the sink may be new all the same
}

// reloadTimer sets the timer of a reload apart from the sink's others.
type reloadTimer struct{ *reloads }

func newReloads(s *sinkRun) *reloads {
	r := &reloads{OnChange: s.OnChange, s: s}
	r.Steps = nil
	named := map[string]int{}
	for _, step := range s.OnChange.Steps {
		named[step.Name()]++
		if n := named[step.Name()]; n > 1 {
			step = namesake{step, n}
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

// A namesake is told beside another consumer of its name: two hooks of one host.
type namesake struct {
	reload.Step
	n int
}

// Name tells them apart.
func (s namesake) Name() string { return fmt.Sprintf("%s (%d)", s.Step.Name(), s.n) }

// owe takes note, before a sink is written, that its consumers have to be told.
func (r *reloads) owe(has, next content) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = next
	if r.owed != nil || maps.Equal(has, next) {
		return nil
	}
	r.owed = &owed{Before: has, Since: now()}
	if err := r.s.e.store.Put(kindReload, r.s.Name, r.owed); err != nil {
		r.owed = nil
		return err
	}
	return nil
}

// written takes note of what a write made of the sink, since at. Where it changed
// nothing after all, as a new salt makes it look, what owe noted is forgotten.
func (r *reloads) written(changed bool, at time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doubt {
		changed, at = true, now()
	}
	r.has, r.at, r.doubt = r.next, at, false
	switch {
	case r.owed == nil:
		return
	case !changed && r.owed.Of == "" && r.first.IsZero():
		r.forgetLocked()
		return
	}
	r.last = now()
	if r.first.IsZero() {
		r.first = r.last
	}
	r.scheduleLocked()
}

// unwritten takes note that a write failed.
func (r *reloads) unwritten() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.next, r.doubt = r.has, true
	r.mu.Unlock()
}

// open goes on with what a run before this one left: the sink has this content since at,
// or, if it is nil, none of livekey's.
func (r *reloads) open(has content, at time.Time) {
	if r == nil {
		return
	}
	o, err := r.s.e.store.owed(r.s.Name)
	r.s.e.keep(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed, r.has, r.next, r.at = o, has, has, at
	if o == nil || has == nil {
		return
	}
	r.first, r.last = at, at
	o.turnTo(has)
	if o.Failed != "" && !r.names(o.Failed) {
		o.Failed = "" // the config has changed since
	}
	r.scheduleLocked()
}

func (r *reloads) names(consumer string) bool {
	for _, step := range r.Steps {
		if step.Name() == consumer {
			return true
		}
	}
	return false
}

// scheduleLocked sets the time at which the consumers are told. The caller holds mu.
func (r *reloads) scheduleLocked() {
	due := r.last.Add(r.WaitMin)
	if latest := r.first.Add(r.WaitMax); latest.Before(due) {
		due = latest
	}
	splay := time.Duration(float64(r.Splay) * schedule.Phase(r.s.e.machine, r.s.Name))
	r.s.e.timers.set(reloadTimer{r}, due.Add(splay), r.start)
}

// start tells the consumers now.
func (r *reloads) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startLocked()
}

func (r *reloads) startLocked() {
	if r.owed != nil && r.shift.begin() { // who works already looks again at the end
		r.s.e.spawn(r.work)
	}
}

// urge tells the consumers now, also those that did not come back before: a person asks.
func (r *reloads) urge() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.again = true
	r.startLocked()
	r.mu.Unlock()
}

// idle returns when nobody is being told.
func (r *reloads) idle(ctx context.Context) { r.shift.idle(ctx, &r.mu) }

// toldAt is when the last round ended in which all of them came back; zero: none did in
// this run, or nobody is told.
func (r *reloads) toldAt() time.Time {
	if r == nil {
		return time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// finish tells now whoever is owed it, and waits for them. It tries once.
func (r *reloads) finish(ctx context.Context) {
	if r == nil {
		return
	}
	r.mu.Lock()
	if r.untold == 0 {
		r.startLocked()
	}
	r.mu.Unlock()
	r.idle(ctx)
}

// finishReloads tells whoever is owed it, and once more what a version that was reverted
// leaves behind.
func (e *Engine) finishReloads(ctx context.Context) {
	for range 2 {
		for _, s := range e.sinks {
			s.idle(ctx) // what is being written is owed when that has ended
		}
		for _, s := range e.sinks {
			s.reloads.finish(ctx)
		}
		for _, k := range e.keys {
			k.idle(ctx)
		}
		for _, s := range e.sinks {
			s.idle(ctx)
		}
	}
}

// trouble is why a reload is still owed, if somebody tried.
func (r *reloads) trouble() (owes bool, why string) {
	if r == nil {
		return false, ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed == nil {
		return false, ""
	}
	if r.owed.Error != "" {
		why = fmt.Sprintf("reload: %s", r.owed.Error)
	}
	return true, why
}

// forgetLocked ends what is owed. The caller holds mu.
func (r *reloads) forgetLocked() {
	r.owed, r.first, r.last, r.untold = nil, time.Time{}, time.Time{}, 0
	r.s.e.keep(r.s.e.store.Delete(kindReload, r.s.Name))
}

// noteLocked keeps how far a reload is. The caller holds mu.
func (r *reloads) noteLocked() {
	r.s.e.keep(r.s.e.store.Put(kindReload, r.s.Name, r.owed))
}
