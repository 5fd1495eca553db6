package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// Times of looking.
const (
	lookFirst = 2 * time.Second  // after a version was replaced: who restarts at once has
	lookEvery = 10 * time.Minute // while there is an old version to look for
	lookShare = 10               // as long as a look took, times this, no other begins by itself
	maxUnseen = 200              // lines about where nobody could look: files and users come in any number
	glanceAge = time.Minute      // how old a look may be for those who only glance
)

// errNobodyLooks says that this livekey has nobody to look for holders.
var errNobodyLooks = errors.New("look for holders: this livekey looks for none")

// watch is who looks for holders, and what the last look found. One look is under way
// at a time; whoever asks meanwhile shares the next.
type watch struct {
	lookers []holders.Looker

	mu      sync.Mutex
	shift   shift
	next    *look // begins when the one under way ends
	scan    holders.Scan
	took    time.Duration       // of the last
	known   bool                // somebody looked
	planned time.Time           // of the next look by itself; zero: none
	sawWith map[key.Name]shapes // what was unseen when somebody was last seen with an old version
	glanced time.Time           // when somebody last asked for a glance
}

// begin takes over what the engine before saw, if there was one.
func (w *watch) begin(lookers []holders.Looker, before *Engine, epoch string) {
	w.lookers = lookers
	if before != nil && len(lookers) > 0 && before.hasher.Epoch() == epoch {
		w.scan, w.known = before.scan()
	}
}

// look is one look that somebody asked for, or several did.
type look struct {
	reason string
	extra  []key.Fingerprint // beside those of the versions
	scan   holders.Scan
	err    error
	done   chan struct{}
}

// look looks for the holders of every version, and of extra, and returns what was found
// by a look that began after it was asked for. No error means that somebody looked.
func (e *Engine) look(ctx context.Context, reason string, extra ...key.Fingerprint) (holders.Scan, error) {
	l, err := e.askLook(reason, extra)
	if err != nil {
		return holders.Scan{}, err
	}
	return l.wait(ctx)
}

func (l *look) wait(ctx context.Context) (holders.Scan, error) {
	select {
	case <-l.done:
		return l.scan, l.err
	case <-ctx.Done():
		return holders.Scan{}, fmt.Errorf("look for holders: %w", ctx.Err())
	}
}

// lookSoon has somebody look after this time, unless that happens sooner anyhow.
func (e *Engine) lookSoon(reason string, after time.Duration) {
	w := &e.watch
	if len(w.lookers) == 0 {
		return
	}
	at := now().Add(after)
	w.mu.Lock()
	if rest := w.scan.At.Add(w.took + lookShare*w.took); at.Before(rest) {
		at = rest
	}
	if !w.planned.IsZero() && !at.Before(w.planned) {
		w.mu.Unlock()
		return
	}
	w.planned = at
	w.mu.Unlock()
	e.timers.set(w, at, func() {
		w.mu.Lock()
		w.planned = time.Time{}
		w.mu.Unlock()
		_, _ = e.askLook(reason, nil) // whoever planned it waits for nothing
	})
}

// scan is what the last look found; not ok: nobody has looked.
func (e *Engine) scan() (latest holders.Scan, ok bool) {
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	return e.watch.scan, e.watch.known
}

// askLook makes sure that a look begins from now on.
func (e *Engine) askLook(reason string, extra []key.Fingerprint) (*look, error) {
	select {
	case <-e.running:
	default:
		return nil, errStarting
	}
	w := &e.watch
	if len(w.lookers) == 0 {
		return nil, errNobodyLooks
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = &look{reason: reason, done: make(chan struct{})}
	}
	w.next.extra = append(w.next.extra, extra...)
	if w.shift.begin() {
		e.spawn(e.looks)
	}
	return w.next, nil
}

// looks looks until nobody asks any more.
func (e *Engine) looks(ctx context.Context) {
	w := &e.watch
	for {
		w.mu.Lock()
		l := w.next
		w.next = nil
		if l == nil {
			w.shift.end()
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		began := time.Now()
		l.scan, l.err = e.lookNow(ctx, l)
		took := time.Since(began)
		if ctx.Err() == nil {
			e.count.Looked(took, l.err)
		}
		if l.err == nil {
			e.sighted(l.scan, took)
		} else if ctx.Err() == nil {
			e.log.WarnContext(ctx, "nobody could look for holders", "because", l.reason, "err", l.err)
		}
		close(l.done)
		if ctx.Err() == nil {
			e.lookAgain()
		}
	}
}

// lookNow has every looker look, one after another. One that cannot is said among what
// is unseen; only when none can, it is an error.
func (e *Engine) lookNow(ctx context.Context, l *look) (holders.Scan, error) {
	all := holders.Scan{At: now()}
	want := e.wanted(l.extra)
	var errs []error
	for _, looker := range e.watch.lookers {
		s, err := looker.Look(ctx, want)
		if err != nil {
			errs = append(errs, err)
			all.Unseen = append(all.Unseen, err.Error())
			continue
		}
		all.Sightings = append(all.Sightings, s.Sightings...)
		all.Unseen = append(all.Unseen, s.Unseen...)
		all.Processes += s.Processes
	}
	if more := len(all.Unseen) - maxUnseen; more > 0 {
		all.Unseen = append(all.Unseen[:maxUnseen], fmt.Sprintf("%d more places", more))
	}
	if len(errs) == len(e.watch.lookers) {
		return holders.Scan{}, errors.Join(errs...)
	}
	e.log.DebugContext(ctx, "looked for holders", "because", l.reason, "processes", all.Processes, "sightings", len(all.Sightings))
	return all, nil
}

// lookAgain plans the next look: ever later after the last rotation, at the moment when
// somebody who was seen becomes stale, and not at all once every old version is retired
// and nobody is told to hold one.
func (e *Engine) lookAgain() {
	var latest, stale time.Time // of the last rotation; of the first who becomes stale
	open := false
	at := now()
	scan, _ := e.scan()
	seen := e.assign(scan)
	for name, k := range e.keys {
		state := k.snapshot()
		_, told := e.alerts.lookup(k.subject(), key.HoldersStale)
		open = open || told
		if !followed(&state) {
			continue
		}
		if state.Current.Delivered.After(latest) {
			latest = state.Current.Delivered
		}
		for _, h := range seen[name] {
			if due := k.staleAt(&state, h.Version); due.After(at) && (stale.IsZero() || due.Before(stale)) {
				stale = due
			}
		}
	}
	if latest.IsZero() && !open {
		return
	}
	wait := lookAfter(at.Sub(latest))
	if !stale.IsZero() {
		wait = min(wait, stale.Sub(at))
	}
	e.lookSoon("an old version may still be held", wait)
}

// lookAfter is how long after one look the next is due, this long after a rotation.
func lookAfter(age time.Duration) time.Duration {
	switch {
	case age < time.Minute:
		return time.Minute
	case age < lookEvery/2:
		return lookEvery / 2
	default:
		return lookEvery
	}
}

// followed says whether a key has an old version that somebody may still use, or is known
// to have been left behind with.
func followed(s *rotation.State) bool {
	if s.Current == nil {
		return false
	}
	for i := range s.Older {
		if v := &s.Older[i]; !v.Retired || v.Early != nil {
			return true
		}
	}
	return false
}

// lookIfOwed has somebody look after a start, if the last run left something to look for.
func (e *Engine) lookIfOwed() {
	for _, k := range e.keys {
		state := k.snapshot()
		if _, open := e.alerts.lookup(k.subject(), key.HoldersStale); open || followed(&state) {
			e.lookSoon("an old version may still be held", lookFirst)
			return
		}
	}
}

// noticeReplaced has somebody look when a version has taken the place of another.
func (k *keyRun) noticeReplaced(before, after *rotation.State) {
	if before.Current != nil && after.Current != nil && before.Current.Fingerprint != after.Current.Fingerprint {
		k.e.lookSoon("a version was replaced", lookFirst)
	}
}
