// Package supervise runs one long-lived program of a user's with keys in its
// environment, and starts it again when they change. It is no package command: the
// program is what the user named on a command line of his own, it has his terminal,
// his folder and most of his environment, lives as long as it likes, and its exit code
// is the answer.
package supervise

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/schedule"
)

// gather is how long to wait for more keys to change before a child hears of it: keys
// that rotate together cost one restart.
const gather = 500 * time.Millisecond

// Times between the starts of a child that fails with new keys.
const (
	backoffFirst = time.Second
	backoffLimit = time.Minute
)

// Options are how a child is run.
type Options struct {
	Argv        []string
	Environ     []string      // NAME=value: what it has beside the keys
	OnChange    Change        // what it hears of keys that changed
	StopTimeout time.Duration // how long it has between TERM and KILL
	Settle      time.Duration // a child that lives for so long after a change is healthy
	MaxRestarts int           // how often in a row one that fails after a change is started again
	Signals     <-chan os.Signal
	Log         *slog.Logger
	// Failed is told of a child that did not come up after a change, by its exit code, with
	// the versions that the last healthy child did not have. Healthy is told of one that did.
	Failed  func(suspects map[key.Name]key.Fingerprint, exit int)
	Healthy func()
}

// Supervisor runs one child after another. Deliver may be called at any time; Run once,
// after the first Deliver.
type Supervisor struct {
	Options
	start func(k Keys, spared bool) (life, error)
	// heard says whether the child has a signal already, because the terminal gave it to both of us.
	heard func(sig syscall.Signal) bool
	pause func() // stops livekey, as Ctrl-Z does

	mu     sync.Mutex
	latest Keys
	news   chan struct{}

	// What follows is Run's alone.
	child    life // nil: none runs
	keys     Keys // that the child was started with, or told of
	good     Keys // of the last child that was healthy
	trial    bool // the child began because of a change, and has not lived for Settle
	stopping bool // livekey told it to end, to start another
	told     bool // somebody else told it to end, and it may have obeyed
	ending   bool // somebody else told livekey to end: no child follows
	failures int  // children in a row that failed on trial
	result   *int

	changed, kill, settled, again *time.Timer
}

// A life is one child, from its start to its end.
type life interface {
	signal(sig syscall.Signal)
	stop() // TERM, to all that belongs to it
	kill()
	spare() // what it started may outlive it
	ended() <-chan int
}

// New makes a supervisor that starts real programs.
func New(o Options) *Supervisor {
	l := newLauncher(o.Argv, o.Environ)
	return newSupervisor(o, l.start, l.heard, pauseSelf)
}

func newSupervisor(o Options, start func(Keys, bool) (life, error), heard func(syscall.Signal) bool, pause func()) *Supervisor {
	return &Supervisor{Options: o, start: start, heard: heard, pause: pause, news: make(chan struct{}, 1)}
}

// Deliver gives the child other keys. The next child gets them; the one that runs hears of
// it as OnChange says.
func (s *Supervisor) Deliver(k Keys) {
	s.mu.Lock()
	s.latest = k
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default: // Run will look anyway
	}
}

// Delivered is what the next child gets.
func (s *Supervisor) Delivered() Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// Run starts the child with what was delivered and returns the exit code with which it
// ended in the end: 128+n if signal n ended it. An error is an *UnstartableError: then no child
// ever ran. ctx is for logging alone; signals end the child, and so Run.
func (s *Supervisor) Run(ctx context.Context) (exit int, err error) {
	s.changed, s.kill, s.settled, s.again = idle(), idle(), idle(), idle()
	s.good = s.Delivered()
	if err := s.begin(); err != nil {
		return 0, err
	}
	for s.result == nil {
		var ended <-chan int
		if s.child != nil {
			ended = s.child.ended()
		}
		select {
		case sig := <-s.Signals:
			s.forward(sig)
		case <-s.news:
			s.hear()
		case <-s.changed.C:
			s.apply(ctx)
		case exit := <-ended:
			s.over(ctx, exit)
		case <-s.kill.C:
			s.Log.WarnContext(ctx, "child killed: it did not end in time", "timeout", s.StopTimeout)
			s.child.kill()
		case <-s.settled.C:
			s.cameUp()
		case <-s.again.C:
			s.retry(ctx)
		}
	}
	return *s.result, nil
}

// idle is a timer that fires when somebody resets it.
func idle() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func (s *Supervisor) finish(exit int) { s.result = &exit }

// begin starts a child with the latest keys.
func (s *Supervisor) begin() error {
	s.keys, s.told = s.Delivered(), false
	child, err := s.start(s.keys, !s.trial)
	if err != nil {
		return err
	}
	s.child = child
	s.settled.Reset(s.Settle)
	return nil
}

// retry starts a child after another one, on trial.
func (s *Supervisor) retry(ctx context.Context) {
	s.again.Stop()
	s.trial = true
	if err := s.begin(); err != nil {
		s.Log.ErrorContext(ctx, "child not started", "err", err)
		s.failed(ctx, ExitOf(err))
	}
}

// hear looks at what was delivered.
func (s *Supervisor) hear() {
	switch {
	case s.Delivered().Same(s.keys):
	case s.child == nil:
		s.again.Reset(0) // it failed with others
	default:
		s.changed.Reset(gather)
	}
}

// apply lets the child have keys that changed.
func (s *Supervisor) apply(ctx context.Context) {
	latest := s.Delivered()
	if s.child == nil || s.stopping || s.ending || latest.Same(s.keys) {
		return // what starts next has them
	}
	log := s.Log.With("keys", latest.newSince(s.keys))
	switch {
	case s.OnChange.Restart:
		log.WarnContext(ctx, "child restarts: its keys changed, and the new ones are proved")
		s.stopping, s.told = true, false
		s.child.stop()
		s.kill.Reset(s.StopTimeout)
	case s.OnChange.Signal != 0:
		log.WarnContext(ctx, "child signaled: its keys changed; its environment cannot", "signal", s.OnChange.Signal)
		s.keys = latest
		s.child.signal(s.OnChange.Signal)
	default:
		log.WarnContext(ctx, "keys changed; the child keeps those that it was started with")
		s.keys = latest
	}
}

// cameUp takes note of a child that has lived long enough.
func (s *Supervisor) cameUp() {
	s.failures, s.good = 0, s.keys
	s.child.spare()
	if s.trial {
		s.trial = false
		s.Healthy()
	}
}

// over decides what follows a child that has ended.
func (s *Supervisor) over(ctx context.Context, exit int) {
	stopped := s.stopping
	s.child, s.stopping = nil, false
	s.kill.Stop()
	s.settled.Stop()
	s.changed.Stop()
	switch {
	case s.ending, s.told:
		s.finish(exit)
	case stopped:
		s.retry(ctx)
	case s.trial && exit != 0:
		s.failed(ctx, exit)
	default:
		s.finish(exit)
	}
}

// failed is the end of a child that did not come up after a change. Who delivers may
// have the version before it; until then the same is tried again, ever more slowly.
func (s *Supervisor) failed(ctx context.Context, exit int) {
	s.failures++
	suspects := map[key.Name]key.Fingerprint{}
	names := s.keys.newSince(s.good)
	for _, name := range names {
		suspects[name] = s.keys.Versions[name]
	}
	s.Log.ErrorContext(ctx, "child failed after its keys changed", "exit", exit, "keys", names, "attempt", s.failures)
	if s.failures > s.MaxRestarts {
		s.finish(exit)
		return
	}
	s.Failed(suspects, exit)
	wait := schedule.Backoff(s.failures-1, backoffFirst, backoffLimit, 0)
	if !s.Delivered().Same(s.keys) {
		wait = 0
	}
	s.again.Reset(wait)
}
