package systemd

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Unit is a service as systemd sees it now.
type Unit struct {
	Name     string
	Load     string    // loaded, not-found, masked, …
	Active   string    // active, reloading, inactive, failed, activating, deactivating
	Sub      string    // running, exited, auto-restart, …
	Result   string    // of its last run: success, exit-code, …
	Started  time.Time // when the main process was started; zero: never
	MainPID  int       // 0: it has none
	Restarts uint32    // by systemd itself, since it was last started by hand
}

// Running says whether there is something to tell: a unit that is starting, or that
// systemd is restarting by itself, counts.
func (u Unit) Running() bool {
	switch u.Active {
	case "active", "reloading", "activating":
		return true
	default:
		return false
	}
}

// Unit returns how a service is. One that systemd does not know is no error: it is
// not loaded.
func (c *Conn) Unit(ctx context.Context, name string) (Unit, error) {
	u := Unit{Name: name}
	var started uint64 // microseconds since 1970
	var pid uint32
	for _, p := range []struct {
		kind, name string
		into       any
	}{ // one by one: all of a service's properties would bring the values of its Environment=
		{"Unit", "LoadState", &u.Load},
		{"Unit", "ActiveState", &u.Active},
		{"Unit", "SubState", &u.Sub},
		{"Service", "Result", &u.Result},
		{"Service", "ExecMainStartTimestamp", &started},
		{"Service", "MainPID", &pid},
		{"Service", "NRestarts", &u.Restarts},
	} {
		property, err := c.bus.GetUnitTypePropertyContext(ctx, name, p.kind, p.name)
		if err == nil {
			err = property.Value.Store(p.into)
		}
		if err != nil {
			return Unit{}, fmt.Errorf("ask systemd for %s of %s: %w", p.name, name, classify(err))
		}
	}
	u.MainPID = int(pid)
	if started > 0 && started < math.MaxInt64 {
		u.Started = time.UnixMicro(int64(started))
	}
	return u, nil
}

// Verb is what systemd is asked to do with a unit; the word is that of systemctl.
type Verb string

// The verbs. Only Start starts a unit that does not run.
const (
	Start              Verb = "start"
	TryRestart         Verb = "try-restart"
	Reload             Verb = "reload"
	ReloadOrTryRestart Verb = "reload-or-try-restart"
)

// Do asks for a job and waits for its end. The result is systemd's word: done, failed,
// canceled, timeout, dependency, skipped.
func (c *Conn) Do(ctx context.Context, verb Verb, name string) (result string, err error) {
	ended := make(chan string, 1) // never in the way of who delivers it
	if _, err := c.start(verb)(ctx, name, "replace", ended); err != nil {
		return "", fmt.Errorf("systemctl %s %s: %w", verb, name, classify(err))
	}
	select {
	case result = <-ended:
		return result, nil
	case <-ctx.Done():
		return "", fmt.Errorf("systemctl %s %s: its job has not ended: %w", verb, name, ctx.Err())
	}
}

func (c *Conn) start(verb Verb) func(ctx context.Context, name, mode string, ended chan<- string) (int, error) {
	switch verb {
	case Start:
		return c.bus.StartUnitContext
	case Reload:
		return c.bus.ReloadUnitContext
	case ReloadOrTryRestart:
		return c.bus.ReloadOrTryRestartUnitContext
	default:
		return c.bus.TryRestartUnitContext
	}
}
