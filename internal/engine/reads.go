package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
)

// Times of reading.
const (
	defaultRefresh = 30 * time.Second
	readTimeout    = 20 * time.Second
	readTogether   = 100 * time.Millisecond // polls this close are one batch
	readsAtOnce    = 10
	retryFirst     = 250 * time.Millisecond
	retryLimit     = 2500 * time.Millisecond // a backend that is back is seen within twice this
	watchRetry     = 30 * time.Second
	unreadableTell = 30 * time.Second // a source that cannot be read for this long is told
)

// sourceRun reads one source: each location once for all keys that are in it, at
// its interval and whenever somebody asks.
type sourceRun struct {
	e       *Engine
	name    string
	backend sources.Source
	slots   chan struct{} // reads at once

	mu        sync.Mutex
	locations map[key.Location]*location
}

// location is one record: what costs one read.
type location struct {
	loc      key.Location
	keys     []*keyRun
	every    time.Duration
	due      time.Time
	reading  bool
	again    bool // asked for while being read
	failures int
	failed   time.Time // first failure in a row
}

func newSourceRun(e *Engine, name string, backend sources.Source) *sourceRun {
	return &sourceRun{
		e: e, name: name, backend: backend,
		slots: make(chan struct{}, readsAtOnce), locations: map[key.Location]*location{},
	}
}

func (s *sourceRun) add(loc key.Location, k *keyRun) {
	l := s.locations[loc]
	if l == nil {
		l = &location{loc: loc}
		s.locations[loc] = l
	}
	if !slices.Contains(l.keys, k) {
		l.keys = append(l.keys, k)
	}
	every := k.Every(s.backend)
	if l.every == 0 || every < l.every {
		l.every = every
	}
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
	for _, l := range s.locations {
		l.due = now()
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

// request reads loc now, or once more if it is being read in this moment.
func (s *sourceRun) request(loc key.Location) {
	s.mu.Lock()
	l := s.locations[loc]
	switch {
	case l == nil:
	case l.reading:
		l.again = true
	default:
		s.start([]*location{l})
	}
	s.mu.Unlock()
}

// poll reads what is due, and sets the time of the next.
func (s *sourceRun) poll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var batch []*location
	horizon := now().Add(readTogether)
	for _, l := range s.locations {
		if !l.reading && !l.due.After(horizon) {
			batch = append(batch, l)
		}
	}
	if s.down() && len(batch) > 1 { // one knock is enough to hear whether somebody is home
		for _, l := range batch[1:] {
			l.due = now().Add(retryLimit)
		}
		batch = batch[:1]
	}
	s.start(batch)
	s.arm()
}

// down says whether no location could be read the last time.
func (s *sourceRun) down() bool {
	for _, l := range s.locations {
		if l.failures == 0 {
			return false
		}
	}
	return true
}

// start reads a batch; the caller holds mu.
func (s *sourceRun) start(batch []*location) {
	for _, l := range batch {
		l.reading = true
	}
	if b, ok := s.backend.(sources.Batcher); ok && len(batch) > 1 {
		s.e.spawn(func(ctx context.Context) { s.readBatch(ctx, b, batch) })
		return
	}
	for _, l := range batch {
		s.e.spawn(func(ctx context.Context) { s.readOne(ctx, l) })
	}
}

func (s *sourceRun) readOne(ctx context.Context, l *location) {
	if !s.enter(ctx) {
		return
	}
	rctx, cancel := context.WithTimeout(ctx, readTimeout)
	rec, err := s.backend.Fetch(rctx, l.loc)
	cancel()
	s.e.count.SourceRead(s.name, failure(err))
	<-s.slots
	s.done(ctx, l, rec, err)
}

func (s *sourceRun) readBatch(ctx context.Context, b sources.Batcher, batch []*location) {
	if !s.enter(ctx) {
		return
	}
	locs := make([]key.Location, len(batch))
	for i, l := range batch {
		locs[i] = l.loc
	}
	rctx, cancel := context.WithTimeout(ctx, readTimeout)
	recs, errs := b.FetchBatch(rctx, locs)
	cancel()
	s.e.count.SourceRead(s.name, failure(slices.Clone(errs)...))
	<-s.slots
	for i, l := range batch {
		s.done(ctx, l, recs[i], errs[i])
	}
}

func (s *sourceRun) enter(ctx context.Context) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// done hands what was read to the keys and sets when to read again.
func (s *sourceRun) done(ctx context.Context, l *location, rec sources.Record, err error) {
	if ctx.Err() != nil {
		return
	}
	at := now()
	s.mu.Lock()
	l.reading = false
	again := l.again
	l.again = false
	wasDown := s.down()
	if err == nil || errors.Is(err, key.ErrNotFound) {
		l.failures, l.failed = 0, time.Time{}
		l.due = schedule.NextCheck(at, rec.Expires, l.every, schedule.Spread(schedule.Phase(s.name, l.loc.String()), 0))
		if wasDown { // somebody is home again: the others need not wait out their backoff
			for _, other := range s.locations {
				if other.failures > 0 {
					other.due = at
				}
			}
		}
	} else {
		if l.failures == 0 {
			l.failed = at
		}
		wait := schedule.Backoff(l.failures, min(retryFirst, l.every), min(retryLimit, max(l.every, retryFirst)),
			schedule.Spread(schedule.Phase(s.name, l.loc.String()), l.failures))
		if later, ok := errors.AsType[*sources.RetryError](err); ok {
			wait = max(wait, later.After)
		}
		l.failures++
		l.due = at.Add(wait)
		if s.down() { // this one knocks for all: the others wait until it is heard
			for _, other := range s.locations {
				if behind := l.due.Add(retryLimit); other != l && other.due.Before(behind) {
					other.due = behind
				}
			}
		}
	}
	if again {
		s.start([]*location{l})
	}
	s.arm()
	s.mu.Unlock()
	for _, k := range l.keys {
		k.read(l.loc, rec, err)
	}
	s.tell(at, err)
	s.e.settled()
}

// arm sets the timer to the earliest location; the caller holds mu.
func (s *sourceRun) arm() {
	var next time.Time
	for _, l := range s.locations {
		if !l.reading && (next.IsZero() || l.due.Before(next)) {
			next = l.due
		}
	}
	if !next.IsZero() {
		s.e.timers.set(s, next, s.poll)
	}
}

func (s *sourceRun) subject() string { return "source/" + s.name }

// tell opens or resolves the alert of a source that cannot be read.
func (s *sourceRun) tell(at time.Time, err error) {
	s.mu.Lock()
	var failing []string
	since := at
	for _, l := range s.locations {
		if l.failures == 0 {
			continue
		}
		if l.failed.Before(since) {
			since = l.failed
		}
		for _, k := range l.keys {
			failing = append(failing, "key "+string(k.Name))
		}
	}
	s.mu.Unlock()
	switch {
	case len(failing) == 0:
		s.e.alerts.resolve(s.subject(), key.SourceUnreachable, "the source answers again")
	case err != nil && !errors.Is(err, key.ErrNotFound) && at.Sub(since) >= unreadableTell:
		slices.Sort(failing)
		s.e.alerts.open(s.subject(), "", "", slices.Compact(failing), rotation.Open{
			Cause: key.SourceUnreachable, Severity: key.Warning,
			Summary:  "source " + s.name + " cannot be read; what is delivered stays",
			Evidence: map[string]string{"source": s.name, "detail": err.Error()},
			Actions:  []string{"see what it answers: livekey check"},
		})
	}
}

// read takes what a location returned to the key.
func (k *keyRun) read(loc key.Location, rec sources.Record, err error) {
	at := now()
	k.mu.Lock()
	first := k.failing[loc] == ""
	if err != nil && !errors.Is(err, key.ErrNotFound) {
		k.failing[loc] = err.Error()
	} else {
		delete(k.failing, loc)
	}
	k.mu.Unlock()
	switch {
	case errors.Is(err, key.ErrNotFound):
		k.post(rotation.Vanished{At: at, Detail: err.Error()})
	case err != nil:
		if first {
			k.e.log.Warn("key not read", "key", k.Name, "from", loc.String(), "err", err)
		}
	default:
		k.fetched(at, loc, rec)
	}
	k.mu.Lock()
	k.tried[loc] = true
	k.mu.Unlock()
}

// fetched makes a version of what was read, once every part is there.
func (k *keyRun) fetched(at time.Time, loc key.Location, rec sources.Record) {
	k.mu.Lock()
	records := map[key.Location]sources.Record{loc: rec}
	if locs := k.locations(); len(locs) > 1 {
		k.records[loc] = rec
		records = maps.Clone(k.records)
		if len(records) < len(locs) {
			k.mu.Unlock()
			return
		}
	}
	m, number, fault := k.material(k.e.hasher, records)
	k.mu.Unlock()
	q := queued{event: rotation.Fetched{At: at, Version: m.Version, Number: number, Fingerprint: m.Fingerprint, Fault: fault}}
	if fault == nil {
		q.material = &m
	}
	k.enqueue(q)
}
