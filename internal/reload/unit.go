package reload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/systemd"
)

// A Manager is systemd, as far as a reload needs it: *systemd.Conn.
type Manager interface {
	Unit(ctx context.Context, name string) (systemd.Unit, error)
	Do(ctx context.Context, verb systemd.Verb, name string) (result string, err error)
	Close()
}

// Dial connects to systemd.
func Dial(ctx context.Context) (Manager, error) {
	conn, err := systemd.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Unit tells a service of systemd.
type Unit struct {
	Unit    string
	Verb    systemd.Verb
	Dial    func(ctx context.Context) (Manager, error)
	Timeout time.Duration // of the job
	Settle  time.Duration // so long it must stay up behind it
	Health  Health
}

// Name is what systemctl calls it.
func (u Unit) Name() string { return "unit " + u.Unit }

// Reload has systemd reload or restart the unit. One that does not run is left alone, but
// for one that failed with what is taken back; so is one that was started after the
// change, if it is up.
func (u Unit) Reload(ctx context.Context, c Change) (string, error) {
	whole, cancel := context.WithTimeout(ctx, u.Timeout+u.Settle+u.Health.Timeout)
	defer cancel()
	bounded, cancel := context.WithTimeout(whole, u.Timeout)
	defer cancel()
	manager, err := u.Dial(whole) // the connection lasts as long
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	defer manager.Close()
	before, err := manager.Unit(bounded, u.Unit)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	verb, newer := u.Verb, before.Started.After(c.At)
	switch {
	case before.Active == "failed" && c.Reason == Reverted && before.Started.After(c.Since):
		verb = systemd.Start // it was running until livekey told it of what is taken back
	case before.Active == "failed" && newer:
		return "", fmt.Errorf("it was started with what changed, and failed: %s", before.Result)
	case !before.Running():
		return "not running: left alone", nil
	case before.Active == "activating" && before.MainPID == 0:
		return "about to start: left alone", nil
	case newer:
		return "started after the change: left alone", u.settle(whole, manager, before)
	}
	result, err := manager.Do(bounded, verb, u.Unit)
	switch {
	case errors.Is(err, systemd.ErrDenied):
		return "", fmt.Errorf("%w: %w; `livekey config systemd` prints the polkit rule that allows it", ErrUnasked, err)
	case errors.Is(err, systemd.ErrUnreachable):
		return "", fmt.Errorf("%w: %w", ErrUnasked, err)
	case err != nil:
		return "", err
	case result != "done":
		return "", fmt.Errorf("systemctl %s %s ended as %s", verb, u.Unit, u.because(bounded, manager, result))
	}
	after, err := manager.Unit(whole, u.Unit)
	if err != nil {
		return "", err
	}
	return string(verb) + ": done", u.settle(whole, manager, after)
}

// because adds why the unit failed, if systemd can say.
func (u Unit) because(ctx context.Context, m Manager, result string) string {
	if now, err := m.Unit(ctx, u.Unit); err == nil && now.Result != "" && now.Result != "success" {
		return result + ": " + now.Result
	}
	return result
}

// settle waits whether the unit stays up, then asks for its health. systemd restarting it
// by itself is not staying up.
func (u Unit) settle(ctx context.Context, m Manager, was systemd.Unit) error {
	pause(ctx, u.Settle)
	for {
		now, err := m.Unit(ctx, u.Unit)
		switch {
		case err != nil:
			return fmt.Errorf("see whether it is back: %w", err)
		case now.Sub == "auto-restart" || now.Restarts > was.Restarts:
			return fmt.Errorf("systemd restarts it again and again: %s", now.Result)
		case now.Active == "active":
			return u.Health.ask(ctx)
		case !now.Running():
			return fmt.Errorf("it is %s after %s: %s", now.Active, u.Settle, now.Result)
		}
		pause(ctx, max(u.Settle/4, shortest)) // it is still on its way
	}
}

// shortest is the least that lies between two questions to systemd.
const shortest = 100 * time.Millisecond
