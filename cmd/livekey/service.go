package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/lease"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
)

// service is the daemon over its reloads: one engine follows another on the same
// ground, and whoever asks is answered by the one of now.
type service struct {
	app    *app
	ground *ground
	fronts fronts
	now    atomic.Pointer[started]
	ready  chan struct{} // closed when an engine has first verdicts, or another livekey works
	begun  sync.Once     // closes ready
	notify *notifier

	// swap is held for writing while one engine follows another, so that no order goes
	// to an engine that has ended.
	swap     sync.RWMutex
	swapping atomic.Pointer[time.Time] // since when; nil: no swap is under way

	elector *lease.Elector // nil: this livekey works whoever else does
	standby atomic.Bool    // another one works, or nobody: there is no engine at work
}

// swapLimit is how long one engine may take to follow another: what ends finishes its
// writes, and what begins reads its sinks.
const swapLimit = time.Minute

var _ admin.Daemon = (*service)(nil)

// newService listens, and answers nobody yet.
func (a *app) newService(ctx context.Context, first *started, g *ground) (*service, error) {
	s := &service{app: a, ground: g, ready: make(chan struct{})}
	var err error
	if s.elector, err = newElector(first.cfg.Lease, g.journal, first.log, func() { os.Exit(int(internal)) }); err != nil {
		return s, err
	}
	s.standby.Store(s.elector != nil)
	g.heir = s.elector != nil
	s.now.Store(first)
	s.notify = newNotifier(first.log, s.ready, s.alive, s.Status)
	s.fronts = fronts{all: map[address]*front{}, options: admin.Options{
		Daemon: s, Alive: s.alive, Log: first.log, Metrics: g.metrics.Handler(s.Status),
	}}
	return s, s.fronts.listen(ctx, first.cfg)
}

// run answers and follows every key until ctx ends. What comes from reload has the
// config read again, from refresh every source.
func (s *service) run(ctx context.Context, reload, refresh <-chan os.Signal) error {
	g, ctx := errgroup.WithContext(ctx)
	s.fronts.begin = func(serve func(context.Context) error) context.CancelFunc {
		serving, end := context.WithCancel(ctx)
		g.Go(func() error { return serve(serving) })
		return end
	}
	s.fronts.serve(s.now.Load().cfg)
	g.Go(func() error {
		if s.elector != nil {
			return s.terms(ctx, reload)
		}
		return s.follow(ctx, live(ctx, s.now.Load()), reload)
	})
	if s.elector != nil {
		g.Go(func() error { s.await(ctx); return nil })
	}
	g.Go(func() error { s.refreshes(ctx, refresh); return nil })
	g.Go(func() error { s.notify.run(ctx); return nil })
	g.Go(func() error { s.notes(ctx); return nil })
	g.Go(func() error { stayLean(ctx, s.ready); return nil })
	return g.Wait()
}

// life is one engine at work.
type life struct {
	end  context.CancelFunc
	done chan error
}

func live(ctx context.Context, s *started) life {
	ctx, end := context.WithCancel(ctx)
	l := life{end: end, done: make(chan error, 1)}
	go func() { l.done <- s.Run(ctx) }() // follow waits for it
	return l
}

// follow runs one engine after another, beginning with l, until ctx ends or one breaks.
func (s *service) follow(ctx context.Context, l life, reload <-chan os.Signal) error {
	starting := s.now.Load().Started()
	for {
		select {
		case err := <-l.done:
			l.end()
			return err
		case <-starting:
			starting = nil
			select {
			case <-s.ready:
			default:
				s.begun.Do(func() { close(s.ready) })
				s.now.Load().log.InfoContext(ctx, "first verdicts are in", "status", inWords(s.Status()))
			}
			debug.FreeOSMemory() // a start takes several times what is needed from now on
			giveBack()
		case <-reload:
			s.notify.reloading()
			next, err := s.reload(ctx)
			if err != nil {
				s.refused(ctx, err)
				s.notify.reloaded(err)
				continue
			}
			if l, err = s.replace(ctx, l, next); err != nil {
				return err
			}
			s.notify.reloaded(nil)
			starting = s.now.Load().Started()
		}
	}
}

// reload reads the config again and takes what it needs. An error leaves everything
// as it is.
func (s *service) reload(ctx context.Context) (*prepared, error) {
	was := s.now.Load().prepared
	cfg, err := s.app.settings()
	if err != nil {
		return nil, s.app.everyFault(cfg, err)
	}
	if cfg.Lease != was.cfg.Lease {
		return nil, errors.New("lease: changed: that takes a restart")
	}
	if cfg.StateDir != was.cfg.StateDir {
		return nil, fmt.Errorf("state_dir moved from %s to %s: that takes a restart", was.cfg.StateDir, cfg.StateDir)
	}
	next, err := s.ground.prepare(cfg, s.app.logger(cfg.Log))
	if err != nil {
		return nil, err
	}
	next.plan.keepSources(was.plan)
	return next, s.fronts.listen(ctx, cfg)
}

// replace ends one engine, which finishes what it is writing, and begins the next.
func (s *service) replace(ctx context.Context, l life, p *prepared) (life, error) {
	s.swap.Lock()
	defer s.swap.Unlock()
	began := time.Now()
	s.swapping.Store(&began)
	defer s.swapping.Store(nil)
	l.end()
	if err := <-l.done; err != nil {
		return l, err
	}
	if ctx.Err() != nil { // it was told to stop meanwhile
		l.done <- nil
		return l, nil
	}
	next, err := s.ground.start(p, s.now.Load().Engine)
	if err != nil {
		return l, fmt.Errorf("start on the new config: %w", err)
	}
	l = live(ctx, next)
	select {
	case <-next.Opened():
	case <-ctx.Done():
	}
	s.now.Store(next)
	s.ground.metrics.Reloaded(true)
	s.fronts.serve(p.cfg)
	p.log.InfoContext(ctx, "config reloaded", "keys", p.keys, "sinks", p.sinks, "took", time.Since(began))
	return l, nil
}

// refused tells that the config was read again and not taken.
func (s *service) refused(ctx context.Context, err error) {
	now := s.now.Load()
	now.log.ErrorContext(ctx, "config not reloaded, nothing changed", "err", err)
	now.ConfigRefused(err) //nolint:contextcheck // an alert is told also while livekey stops
	s.ground.metrics.Reloaded(false)
}

// refreshes looks at every source whenever somebody asks by signal.
func (s *service) refreshes(ctx context.Context, refresh <-chan os.Signal) {
	for {
		select {
		case <-refresh:
			if err := s.Refresh(ctx, nil); err != nil {
				s.now.Load().log.WarnContext(ctx, "sources not read again", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// alive says what is stuck.
func (s *service) alive() error {
	switch since := s.swapping.Load(); {
	case s.standby.Load():
		return nil // it waits
	case since == nil:
		return s.now.Load().Alive()
	case time.Since(*since) > swapLimit:
		return fmt.Errorf("a reload has not ended since %s", since.UTC().Format(time.RFC3339))
	default:
		return nil // the engine that ended is still
	}
}

// Status is empty on standby: what the engine of a term before knew is old, and the keys
// are told of by whoever works.
func (s *service) Status() report.Status {
	if s.standby.Load() {
		return report.Status{Keys: []report.Key{}, Lease: s.leased()}
	}
	status := s.now.Load().Status()
	status.Lease = s.leased()
	return status
}

func (s *service) Ready(sinks []string) ([]string, error) {
	e, err := s.atWork()
	if err != nil {
		return nil, err
	}
	return e.Ready(sinks)
}

func (s *service) Refresh(ctx context.Context, names []key.Name) error {
	return s.order(func(e *started) error { return e.Refresh(ctx, names) })
}

func (s *service) Approve(ctx context.Context, name key.Name, version key.Version, by admin.Approval) error {
	return s.order(func(e *started) error { return e.Approve(ctx, name, version, by) })
}

func (s *service) Pause(name key.Name, until time.Time, reason string) error {
	return s.order(func(e *started) error { return e.Pause(name, until, reason) })
}

func (s *service) Resume(name key.Name) error {
	return s.order(func(e *started) error { return e.Resume(name) })
}

// order gives an order to the engine of now, which does not end meanwhile by a reload.
func (s *service) order(give func(*started) error) error {
	s.swap.RLock()
	defer s.swap.RUnlock()
	e, err := s.atWork()
	if err != nil {
		return err
	}
	return give(e)
}

// Unauthorized begins under the lock and waits outside of it: a reload need not wait for
// the answer of an issuer.
func (s *service) Unauthorized(ctx context.Context, by admin.Speaker, r admin.Unauthorized, wait bool) (a report.Answer, err error) {
	var q *engine.Inquiry
	err = s.order(func(e *started) error { //nolint:contextcheck // an alert is told also while livekey stops
		q, err = e.Inquire(by, r)
		return err
	})
	if err != nil {
		return a, err
	}
	if wait {
		q.Wait(ctx)
	}
	return q.Answer(), nil
}

func (s *service) Adopted(by admin.Speaker, r admin.Adopted) (a report.Adoption, err error) {
	err = s.order(func(e *started) error { a, err = e.Adopted(by, r); return err })
	return a, err
}

func (s *service) Rotations(name key.Name) (report.Rotations, error) {
	e, err := s.atWork()
	if err != nil {
		return report.Rotations{}, err
	}
	return e.Rotations(name)
}

// SafeToRevoke may take as long as a peer: a reload waits for it.
func (s *service) SafeToRevoke(ctx context.Context, name key.Name) (a report.Safety, err error) {
	err = s.order(func(e *started) error { a, err = e.SafeToRevoke(ctx, name); return err })
	return a, err
}

// Glance begins under the lock and waits outside of it, as Unauthorized does. On standby
// there is nothing to see.
func (s *service) Glance(ctx context.Context) {
	var wait func(context.Context)
	if s.order(func(e *started) error { wait = e.Glance(); return nil }) == nil {
		wait(ctx)
	}
}

func (s *service) WhoHas(ctx context.Context, name key.Name, pasted secret.Value) (a report.WhoHas, err error) {
	var wait func(context.Context) (report.WhoHas, error)
	err = s.order(func(e *started) error { wait, err = e.WhoHas(name, pasted); return err })
	if err != nil {
		return a, err
	}
	return wait(ctx)
}

// close gives up what was listened at and never served.
func (s *service) close() error {
	var errs []error
	for _, f := range s.fronts.all {
		if f.end == nil {
			errs = append(errs, f.server.Close())
		}
	}
	return errors.Join(errs...)
}
