package reload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/systemd"
)

// fakeManager is a systemd with one unit.
type fakeManager struct {
	unit   systemd.Unit
	err    error
	job    func(*fakeManager) (result string, err error) // what it makes of the unit
	asked  []string
	closed bool
	began  time.Time
	course map[time.Duration]func(*systemd.Unit) // what becomes of the unit after a job, by time
}

func (m *fakeManager) Unit(context.Context, string) (systemd.Unit, error) {
	for after, becomes := range m.course {
		if !m.began.IsZero() && time.Since(m.began) >= after {
			becomes(&m.unit)
		}
	}
	return m.unit, m.err
}

func (m *fakeManager) Do(ctx context.Context, verb systemd.Verb, name string) (string, error) {
	m.asked = append(m.asked, fmt.Sprint(verb, " ", name))
	m.began = time.Now()
	if m.job != nil {
		return m.job(m)
	}
	return "done", ctx.Err()
}

func (m *fakeManager) Close() { m.closed = true }

func TestAUnitIsToldAsItIs(t *testing.T) {
	written := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when a bubble begins
	old, young := written.Add(-time.Hour), written.Add(time.Millisecond)
	running := systemd.Unit{Active: "active", Sub: "running", Started: old, MainPID: 7}
	for _, c := range []struct {
		rule   string
		is     systemd.Unit
		job    func(*fakeManager) (string, error)
		course map[time.Duration]func(*systemd.Unit)
		asked  bool
		want   string // of the result, or of the error if fails
		fails  bool
		untold bool
	}{
		{rule: "one that runs is restarted", is: running, asked: true, want: "try-restart: done"},
		{rule: "one that does not run is never started", is: systemd.Unit{Active: "inactive"}, want: "not running: left alone"},
		{rule: "one that nobody knows neither", is: systemd.Unit{Load: "not-found", Active: "inactive"}, want: "not running: left alone"},
		{rule: "one that had failed before neither", is: systemd.Unit{Active: "failed", Started: old}, want: "not running: left alone"},
		{rule: "one that is about to start will read it", is: systemd.Unit{Active: "activating", Sub: "start-pre", Started: old}, want: "about to start: left alone"},
		{
			rule: "one that is starting with what was before is restarted", is: systemd.Unit{Active: "activating", Sub: "start", Started: old, MainPID: 7}, asked: true,
			course: map[time.Duration]func(*systemd.Unit){0: func(u *systemd.Unit) { u.Active = "active" }}, want: "try-restart: done",
		},
		{rule: "one that started since has it", is: systemd.Unit{Active: "active", Started: young, MainPID: 7}, want: "started after the change: left alone"},
		{rule: "one that started since and failed did so with it", is: systemd.Unit{Active: "failed", Started: young, Result: "exit-code"}, want: "failed: exit-code", fails: true},
		{
			rule: "a job that fails", is: running, asked: true, fails: true, want: "ended as failed: exit-code",
			job: func(m *fakeManager) (string, error) { m.unit.Result = "exit-code"; return "failed", nil },
		},
		{
			rule: "one that ends while it settles", is: running, asked: true, fails: true, want: "it is failed after 2s: exit-code",
			course: map[time.Duration]func(*systemd.Unit){time.Second: func(u *systemd.Unit) { u.Active, u.Result = "failed", "exit-code" }},
		},
		{
			rule: "one that ends without a fault is gone too", is: running, asked: true, fails: true, want: "it is inactive after 2s",
			course: map[time.Duration]func(*systemd.Unit){time.Second: func(u *systemd.Unit) { u.Active = "inactive" }},
		},
		{
			rule: "one that systemd starts again and again", is: running, asked: true, fails: true, want: "again and again: exit-code",
			course: map[time.Duration]func(*systemd.Unit){time.Second: func(u *systemd.Unit) { u.Active, u.Sub, u.Result = "activating", "auto-restart", "exit-code" }},
		},
		{
			rule: "and is up in the moment it is looked at", is: running, asked: true, fails: true, want: "again and again",
			course: map[time.Duration]func(*systemd.Unit){time.Second: func(u *systemd.Unit) { u.Restarts = 3 }},
		},
		{
			rule: "one that takes its time", is: running, asked: true, want: "try-restart: done",
			course: map[time.Duration]func(*systemd.Unit){
				time.Second: func(u *systemd.Unit) { u.Active = "reloading" }, 20 * time.Second: func(u *systemd.Unit) { u.Active = "active" },
			},
		},
		{
			rule: "polkit says no", is: running, asked: true, fails: true, untold: true, want: "livekey config systemd",
			job: func(*fakeManager) (string, error) { return "", fmt.Errorf("systemctl: %w", systemd.ErrDenied) },
		},
		{
			rule: "the bus is gone", is: running, asked: true, fails: true, untold: true, want: "systemd cannot be asked",
			job: func(*fakeManager) (string, error) { return "", systemd.ErrUnreachable },
		},
		{
			rule: "it cannot be reloaded", is: running, asked: true, fails: true, want: "not applicable",
			job: func(*fakeManager) (string, error) { return "", errors.New("job type reload is not applicable") },
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &fakeManager{unit: c.is, job: c.job, course: c.course}
				u := Unit{
					Unit: "app.service", Verb: systemd.TryRestart, Timeout: time.Minute, Settle: 2 * time.Second,
					Dial: func(context.Context) (Manager, error) { return m, nil },
				}
				got, err := u.Reload(t.Context(), Change{At: written})
				if (err != nil) != c.fails || errors.Is(err, ErrUnasked) != c.untold {
					t.Fatalf("error %v", err)
				}
				if c.fails {
					got = err.Error()
				}
				if !strings.Contains(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if asked := slices.Equal(m.asked, []string{"try-restart app.service"}); asked != c.asked || !asked && len(m.asked) > 0 {
					t.Errorf("asked for %q", m.asked)
				}
				if !m.closed {
					t.Error("the connection stays open")
				}
			})
		})
	}
}

func TestNoSystemdIsNobodyTold(t *testing.T) {
	u := Unit{Unit: "a.service", Timeout: time.Minute, Dial: func(context.Context) (Manager, error) { return nil, systemd.ErrUnreachable }}
	if _, err := u.Reload(t.Context(), Change{}); !errors.Is(err, ErrUnasked) {
		t.Errorf("got %v", err)
	}
	u.Dial = func(context.Context) (Manager, error) { return &fakeManager{err: systemd.ErrUnreachable}, nil }
	if _, err := u.Reload(t.Context(), Change{}); !errors.Is(err, ErrUnasked) {
		t.Errorf("got %v", err)
	}
}

func TestAConsumerIsBackOnceItsHealthURLSaysSo(t *testing.T) {
	var calls atomic.Int32
	healthy := int32(2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	m := &fakeManager{unit: systemd.Unit{Active: "active", MainPID: 7}}
	u := Unit{
		Unit: "app.service", Verb: systemd.Reload, Timeout: time.Minute, Dial: func(context.Context) (Manager, error) { return m, nil },
		Health: Health{URL: server.URL, Timeout: time.Minute, HTTP: server.Client()},
	}
	if _, err := u.Reload(t.Context(), Change{}); err != nil || calls.Load() != 2 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	healthy, u.Health.Timeout = 1<<30, 50*time.Millisecond
	if _, err := u.Reload(t.Context(), Change{}); err == nil || errors.Is(err, ErrUnasked) || !strings.Contains(err.Error(), "not healthy after 50ms") {
		t.Errorf("got %v", err)
	}
	server.Close() // nobody answers: it was told all the same
	if _, err := u.Reload(t.Context(), Change{}); err == nil || errors.Is(err, ErrUnasked) {
		t.Errorf("got %v", err)
	}
}

// A unit that failed because livekey told it of a version that is taken back was running
// before: it is started again. One that had failed by itself is not.
func TestAUnitThatFailedByBeingToldIsBroughtBack(t *testing.T) {
	written := time.Now()
	for _, c := range []struct {
		rule    string
		reason  Reason
		started time.Time
		asked   []string
	}{
		{"failed since the change began", Reverted, written.Add(-time.Minute), []string{"start app.service"}},
		{"failed before", Reverted, written.Add(-time.Hour), nil},
		{"nothing was taken back", Changed, written.Add(-time.Minute), nil},
	} {
		m := &fakeManager{unit: systemd.Unit{Active: "failed", Started: c.started}}
		m.job = func(m *fakeManager) (string, error) { m.unit.Active = "active"; return "done", nil }
		u := Unit{Unit: "app.service", Verb: systemd.TryRestart, Timeout: time.Minute, Dial: func(context.Context) (Manager, error) { return m, nil }}
		_, err := u.Reload(t.Context(), Change{Reason: c.reason, Since: written.Add(-2 * time.Minute), At: written})
		if err != nil || !slices.Equal(m.asked, c.asked) {
			t.Errorf("%s: asked for %q, %v", c.rule, m.asked, err)
		}
	}
}
