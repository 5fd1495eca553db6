package engine

import (
	"context"
	"sync"
	"time"
)

// timers is one agenda for everything that waits, so that no goroutine is parked
// per key. The zero timers is ready.
type timers struct {
	mu     sync.Mutex
	agenda agenda[any, func()] // with what is called for each
	kick   chan struct{}
	beat   time.Time // when run last looked
}

// heartbeat is how often run looks, due or not.
const heartbeat = 10 * time.Second

// set has fire called at the given time, instead of what id was set to before.
// fire runs in the timers' own goroutine: it starts work and returns.
func (t *timers) set(id any, at time.Time, fire func()) {
	t.mu.Lock()
	t.agenda.set(id, at, fire)
	first := t.agenda.first().id == id
	kick := t.kicked()
	t.mu.Unlock()
	if first {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}

func (t *timers) kicked() chan struct{} {
	if t.kick == nil {
		t.kick = make(chan struct{}, 1)
	}
	return t.kick
}

// run fires what is due until ctx ends.
func (t *timers) run(ctx context.Context) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		t.mu.Lock()
		kick := t.kicked()
		t.beat = time.Now()
		due, wait := t.takeDue()
		t.mu.Unlock()
		for _, fire := range due {
			fire()
		}
		if len(due) > 0 {
			continue // firing took time, and may have set something new
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-kick:
		case <-timer.C:
		}
	}
}

// takeDue takes what is due off the agenda, and says how long the rest can wait.
// The caller holds mu.
func (t *timers) takeDue() (fires []func(), wait time.Duration) {
	for {
		next := t.agenda.first()
		if next == nil {
			return fires, heartbeat
		}
		if wait := time.Until(next.at); wait > 0 {
			return fires, min(wait, heartbeat)
		}
		fires = append(fires, next.with)
		t.agenda.drop(next.id)
	}
}

// lastBeat is when run last looked; the time of the call if it never did.
func (t *timers) lastBeat() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.beat.IsZero() {
		return time.Now()
	}
	return t.beat
}
