package reload

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Signal tells processes by a signal: those that exactly one of PIDFile, Unit and Process
// names. Where there is none, nobody has to be told.
type Signal struct {
	Signal  string // HUP, USR1, USR2 or WINCH
	PIDFile string
	Unit    string // whose main process
	Process string // every process of this name,
	User    string // and of this user; livekey's own if it is empty
	Dial    func(ctx context.Context) (Manager, error)
	Settle  time.Duration
	Timeout time.Duration // of finding and telling them
	Health  Health
}

// Name is who gets the signal.
func (s Signal) Name() string {
	switch {
	case s.PIDFile != "":
		return "process of " + s.PIDFile
	case s.Unit != "":
		return "main process of " + s.Unit
	case s.User != "":
		return "process " + s.Process + " of " + s.User
	default:
		return "process " + s.Process
	}
}

// A process is one that is held: it cannot become another one.
type process interface {
	send() error
	// outlives waits, and says whether the process is still there then.
	outlives(ctx context.Context, d time.Duration) (bool, error)
	pid() int
	close()
}

// Reload signals them one after another. Each must handle the signal, and still be there
// when the time to settle is over.
func (s Signal) Reload(ctx context.Context, _ Change) (string, error) {
	all, err := s.find(ctx)
	if err != nil {
		return "", err
	}
	defer func() {
		for _, p := range all {
			p.close()
		}
	}()
	if len(all) == 0 {
		return "not running: left alone", nil
	}
	sent := 0
	for _, p := range all {
		switch err := p.send(); {
		case errors.Is(err, errGone):
			continue
		case err != nil && sent > 0:
			return "", fmt.Errorf("pid %d: %w", p.pid(), hideUnasked(err))
		case err != nil:
			return "", fmt.Errorf("pid %d: %w", p.pid(), err)
		}
		sent++
		there, err := p.outlives(ctx, s.Settle)
		switch {
		case err != nil:
			return "", fmt.Errorf("pid %d: see whether it is still there: %w", p.pid(), err)
		case !there:
			return "", fmt.Errorf("pid %d is gone after SIG%s", p.pid(), s.Signal)
		}
	}
	if sent == 0 {
		return "not running: left alone", nil
	}
	return fmt.Sprintf("SIG%s to %s", s.Signal, processes(sent)), s.Health.ask(ctx)
}

// find holds the processes.
func (s Signal) find(ctx context.Context) ([]process, error) {
	if s.Unit == "" {
		return s.look()
	}
	bounded, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	manager, err := s.Dial(bounded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	defer manager.Close()
	unit, err := manager.Unit(bounded, s.Unit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnasked, err)
	case unit.MainPID == 0:
		return nil, nil
	}
	return s.hold(unit.MainPID)
}

// errGone says that the process has ended before it was told.
var errGone = errors.New("it has ended")

// hideUnasked takes ErrUnasked out of what err wraps: others were told already.
func hideUnasked(err error) error { return errors.New(err.Error()) }

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
