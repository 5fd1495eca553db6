package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// Times of reading.
const (
	defaultRefresh = 30 * time.Second
	readTimeout    = 20 * time.Second
	readTogether   = 100 * time.Millisecond // polls this close are one batch
	readsAtOnce    = 10
	retryFirst     = 250 * time.Millisecond
	retryLimit     = 2 * time.Second // a backend that is back is seen within twice this
	watchRetry     = 30 * time.Second
)

// sourceRun reads one source: each location once for all keys that are in it, at
// its interval and whenever somebody asks. A few goroutines do it, and only while
// there is something to read.
type sourceRun struct {
	e       *Engine
	name    string
	backend sources.Source
	seed    secret.Seed // of what records are recognized by

	mu        sync.Mutex
	locations map[key.Location]*location
	agenda    agenda[*location, struct{}] // those that are idle
	armed     time.Time                   // what the timer is set to
	waiting   []*location                 // for the next reader that is free
	readers   int
	failing   int       // locations that could not be read the last time
	told      time.Time // when the failing ones were last named
}

// location is one record: what costs one read.
type location struct {
	loc      key.Location
	keys     []*keyRun
	every    time.Duration
	jitter   float64 // the phase by which its interval and its retries differ from others'
	offset   float64 // where in its interval it is read, once many were read at once
	due      time.Time
	is       activity
	together bool // it is read along with many others, not in its own time
	again    bool // asked for while being read
	failures int
	failed   time.Time   // first failure in a row
	tried    atomic.Bool // its keys have heard of a read in this run, whatever came of it
	seen     sight

	hopeful []chan struct{} // closed when the next read that begins has ended
	reading []chan struct{} // closed when the one that is under way has
}

// activity is what happens to a location.
type activity uint8

const (
	isIdle activity = iota
	isWaiting
	isReading
)

func newSourceRun(e *Engine, name string, backend sources.Source) *sourceRun {
	return &sourceRun{e: e, name: name, backend: backend, seed: secret.NewSeed(), locations: map[key.Location]*location{}}
}

func (s *sourceRun) add(loc key.Location, k *keyRun) *location {
	l := s.locations[loc]
	if l == nil {
		id := loc.String()
		l = &location{loc: loc, jitter: schedule.Phase(s.e.machine, id), offset: schedule.Phase(id, s.e.machine)}
		s.locations[loc] = l
	}
	if !slices.Contains(l.keys, k) {
		l.keys = append(l.keys, k)
	}
	every := k.Every(s.backend)
	if l.every == 0 || every < l.every {
		l.every = every
	}
	return l
}

// begin reads everything now and watches from now on, where the source can.
func (s *sourceRun) begin() {
	if w, ok := s.backend.(sources.Watcher); ok {
		s.e.spawn(func(ctx context.Context) { s.watch(ctx, w) })
	}
	if k, ok := s.backend.(sources.Keeper); ok {
		s.e.spawn(k.Keep)
	}
	s.mu.Lock()
	at := now()
	for _, l := range s.locations {
		l.together = true
		s.plan(l, at)
	}
	s.mu.Unlock()
	s.poll()
}

// watch keeps a watcher going. What it misses, the poll behind it finds.
func (s *sourceRun) watch(ctx context.Context, w sources.Watcher) {
	locs := sortedLocations(s.locations)
	for ctx.Err() == nil {
		err := w.Watch(ctx, locs, s.request)
		if ctx.Err() != nil {
			return
		}
		s.e.log.WarnContext(ctx, "source not watched, polled only", "source", s.name, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(watchRetry):
		}
	}
}

// nextRead is closed once the keys have heard of the next read of loc that begins.
func (s *sourceRun) nextRead(loc key.Location) <-chan struct{} {
	heard := make(chan struct{})
	s.mu.Lock()
	l := s.locations[loc]
	l.hopeful = append(l.hopeful, heard)
	s.mu.Unlock()
	return heard
}

// request reads loc now, or once more if it is being read in this moment.
func (s *sourceRun) request(loc key.Location) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locations[loc]
	switch {
	case l == nil:
	case l.is == isReading:
		l.again = true
	case l.is == isIdle:
		s.enqueue(l)
		s.recruit()
	}
}

// poll reads what is due, and sets the time of the next.
func (s *sourceRun) poll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = time.Time{}
	at := now()
	for n := 0; ; n++ {
		next := s.agenda.first()
		if next == nil || next.at.After(at.Add(readTogether)) {
			break
		}
		if n > 0 && s.down() { // one knock is enough to hear whether somebody is home
			s.plan(next.id, at.Add(retryLimit))
			continue
		}
		s.enqueue(next.id)
	}
	s.recruit()
	s.arm()
}

// down says whether no location could be read the last time. The caller holds mu,
// as for all that follow.
func (s *sourceRun) down() bool { return s.failing == len(s.locations) }

// plan makes an idle location due.
func (s *sourceRun) plan(l *location, due time.Time) {
	l.is, l.due = isIdle, due
	s.agenda.set(l, due, struct{}{})
}

// enqueue has the next free reader read l.
func (s *sourceRun) enqueue(l *location) {
	s.agenda.drop(l)
	l.is = isWaiting
	s.waiting = append(s.waiting, l)
}

// recruit makes sure that there are readers for what is waiting.
func (s *sourceRun) recruit() {
	needed := len(s.waiting)
	if _, ok := s.backend.(sources.Batcher); ok {
		needed = min(needed, 1) // it takes all
	}
	for ; needed > 0 && s.readers < readsAtOnce; needed-- {
		s.readers++
		s.e.spawn(s.read)
	}
}

// arm sets the timer to the earliest location.
func (s *sourceRun) arm() {
	if next := s.agenda.first(); next != nil && !next.at.Equal(s.armed) {
		s.armed = next.at
		s.e.timers.set(s, next.at, s.poll)
	}
}

// read works on what is waiting until nothing is, or ctx ends.
func (s *sourceRun) read(ctx context.Context) {
	for batch := s.take(ctx); len(batch) > 0; batch = s.take(ctx) {
		rctx, cancel := context.WithTimeout(ctx, readTimeout)
		recs, errs := s.fetch(rctx, batch)
		cancel()
		s.e.count.SourceRead(s.name, failure(slices.Clone(errs)...))
		for i, l := range batch {
			s.done(ctx, l, recs[i], errs[i])
		}
	}
}

// take is what a reader reads next; nothing sends it home.
func (s *sourceRun) take(ctx context.Context) []*location {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 || ctx.Err() != nil {
		s.readers--
		return nil
	}
	n := 1
	if _, ok := s.backend.(sources.Batcher); ok {
		n = len(s.waiting)
	}
	batch := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	for _, l := range batch {
		l.is = isReading
		l.reading, l.hopeful = l.hopeful, nil
	}
	return batch
}

func (s *sourceRun) fetch(ctx context.Context, batch []*location) (recs []sources.Record, errs []error) {
	if b, ok := s.backend.(sources.Batcher); ok && len(batch) > 1 {
		locs := make([]key.Location, len(batch))
		for i, l := range batch {
			locs[i] = l.loc
		}
		secret.Do(func() { recs, errs = b.FetchBatch(ctx, locs) })
		return recs, errs
	}
	recs, errs = make([]sources.Record, 1), make([]error, 1)
	secret.Do(func() { recs[0], errs[0] = s.backend.Fetch(ctx, batch[0].loc) })
	return recs, errs
}

// done hands what was read to the keys and sets when to read again.
func (s *sourceRun) done(ctx context.Context, l *location, rec sources.Record, err error) {
	if ctx.Err() != nil {
		return
	}
	at := now()
	same := l.look(s.seed, rec, err)
	s.mu.Lock()
	waiting := l.reading
	l.reading = nil
	if err == nil || errors.Is(err, key.ErrNotFound) {
		s.answered(l, at, rec.Expires)
	} else {
		s.unanswered(l, at, err)
	}
	if l.again {
		l.again = false
		s.enqueue(l)
		s.recruit()
	}
	s.arm()
	s.mu.Unlock()
	for _, k := range l.keys {
		k.read(l.loc, rec, same, err)
	}
	l.tried.Store(true)
	for _, heard := range waiting {
		close(heard)
	}
	s.tell(at, err)
	s.e.settled()
}

// answered plans the next read of a location that was read. What was read along with
// all others, here or on other machines after an outage, goes back to a time of its own, so that polls spread over the interval.
func (s *sourceRun) answered(l *location, at, expires time.Time) {
	wasDown := s.down()
	every := l.every
	if l.together || l.failures > 0 {
		every = time.Duration(l.offset * float64(every))
	}
	if l.failures > 0 {
		s.failing--
	}
	l.failures, l.failed, l.together = 0, time.Time{}, false
	s.plan(l, schedule.NextCheck(at, expires, every, l.jitter))
	if !wasDown {
		return
	}
	for _, other := range s.locations { // somebody is home again: they need not wait out their backoff
		if other.is == isIdle && other.failures > 0 {
			other.together = true
			s.plan(other, at)
		}
	}
}

// unanswered plans the next try, no sooner than the backend wants it.
func (s *sourceRun) unanswered(l *location, at time.Time, err error) {
	if l.failures == 0 {
		s.failing++
		l.failed = at
	}
	wait := schedule.Backoff(l.failures, min(retryFirst, l.every), min(retryLimit, max(l.every, retryFirst)),
		schedule.Spread(l.jitter, l.failures))
	if later, ok := errors.AsType[*sources.RetryError](err); ok {
		wait = max(wait, later.After)
	}
	l.failures++
	s.plan(l, at.Add(wait))
	if !s.down() {
		return
	}
	for _, other := range s.locations { // this one knocks for all: the others wait until it is heard
		if behind := l.due.Add(retryLimit); other != l && other.is == isIdle && other.due.Before(behind) {
			s.plan(other, behind)
		}
	}
}
