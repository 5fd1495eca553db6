package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/schedule"
)

// Times of sending.
const (
	sendRetryFirst = time.Second
	sendRetryLimit = 5 * time.Minute
	sendTimeout    = 30 * time.Second
)

// outbox is the queue of one channel, in the order of events. The journal holds
// it too, so it outlives a crash and any outage of the receiver. What a Repeater is
// told again is in neither: the next repetition replaces one that failed.
type outbox struct {
	name    string
	channel alerts.Channel
	machine string               // by which its tries differ in time from those of others
	repeat  time.Duration        // of a Repeater, else 0
	open    func() []alerts.Data // what is open, of which every event is queued or told already
	count   Counter
	log     *slog.Logger
	store   store

	mu    sync.Mutex
	queue []queuedAlert
	tried time.Time     // the last time that something was sent
	err   error         // of that, nil if the receiver took it
	kick  chan struct{} // something was queued
	gone  chan struct{} // closed and replaced whenever the queue becomes empty
}

type queuedAlert struct {
	id    string // in the journal
	alert alerts.Alert
}

func newOutbox(name string, c alerts.Channel, machine string, open func() []alerts.Data, count Counter, log *slog.Logger, st store) *outbox {
	o := &outbox{
		name: name, channel: c, machine: machine, open: open, count: count, log: log, store: st,
		kick: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	if r, ok := c.(alerts.Repeater); ok {
		o.repeat = r.Repeat()
	}
	return o
}

// outboxID sorts by channel and then by number.
func outboxID(channel string, n uint64) string { return fmt.Sprintf("%s/%020d", channel, n) }

func parseOutboxID(id string) (channel string, n uint64, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(id[i+1:], 10, 64)
	return id[:i], n, err == nil
}

func (o *outbox) put(a queuedAlert) {
	o.mu.Lock()
	o.queue = append(o.queue, a)
	o.mu.Unlock()
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// has says whether this event of this alert is queued.
func (o *outbox) has(kind alerts.Type, data alerts.Data) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.queue, func(q queuedAlert) bool {
		return q.alert.Data.ID == data.ID && q.alert.Type == kind && sameStory(q.alert.Data, data)
	})
}

// first is the oldest event that the channel has not taken.
func (o *outbox) first() (queuedAlert, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return queuedAlert{}, false
	}
	return o.queue[0], true
}

// run sends one after another until ctx ends: a receiver never sees a resolved
// before its opened.
func (o *outbox) run(ctx context.Context) {
	attempt := 0
	again := time.Now() // a Repeater may have forgotten everything while livekey was down
	for ctx.Err() == nil {
		first, queued := o.first()
		if !queued {
			again = o.idle(ctx, again)
			continue
		}
		wait, done := o.send(ctx, first, attempt)
		if ctx.Err() != nil {
			return
		}
		if done {
			attempt = 0
			o.drop(first.id)
			continue
		}
		attempt++
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// idle waits until something is queued. At again a Repeater is told what is open;
// idle returns when that is due the next time.
func (o *outbox) idle(ctx context.Context, again time.Time) time.Time {
	var due <-chan time.Time // of others never
	if o.repeat > 0 {
		timer := time.NewTimer(time.Until(again))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return time.Now().Add(o.tellAgain(ctx))
	case <-o.kick:
	case <-ctx.Done():
	}
	return again
}

// tellAgain sends what is open once more and returns how long to wait until the
// next time: not at all if an event came in between, which goes first.
func (o *outbox) tellAgain(ctx context.Context) time.Duration {
	for _, data := range o.open() {
		if _, queued := o.first(); queued {
			return 0
		}
		err := o.try(ctx, alerts.Alert{Type: alerts.Updated, Timestamp: now(), Data: data})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return o.repeat
		case errors.Is(err, alerts.ErrRefused):
			o.log.WarnContext(ctx, "open alert refused again", "channel", o.name, "alert", data.ID, "cause", data.Cause, "err", err)
		default: // the others would fare no better
			o.log.WarnContext(ctx, "open alerts not told again", "channel", o.name, "err", err)
			if later, ok := errors.AsType[*alerts.RetryError](err); ok {
				return max(o.repeat, later.After)
			}
			return o.repeat
		}
	}
	return o.repeat
}

// try sends a once.
func (o *outbox) try(ctx context.Context, a alerts.Alert) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err := o.channel.Send(ctx, a)
	o.count.AlertSent(o.name, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tried, o.err = now(), err
	return err
}

// send tries once. It is done if the receiver took the alert, or never will.
func (o *outbox) send(ctx context.Context, q queuedAlert, attempt int) (wait time.Duration, done bool) {
	err := o.try(ctx, q.alert)
	if err == nil {
		return 0, true
	}
	if errors.Is(err, alerts.ErrRefused) {
		o.log.ErrorContext(ctx, "alert refused", "channel", o.name, "alert", q.alert.Data.ID, "cause", q.alert.Data.Cause, "err", err)
		return 0, true
	}
	wait = schedule.Backoff(attempt, sendRetryFirst, sendRetryLimit, schedule.Spread(schedule.Phase(o.machine, q.id), attempt))
	if later, ok := errors.AsType[*alerts.RetryError](err); ok {
		wait = max(wait, later.After)
	}
	if ctx.Err() == nil || attempt == 0 {
		o.log.WarnContext(ctx, "alert not sent", "channel", o.name, "alert", q.alert.Data.ID, "attempt", attempt+1, "err", err)
	}
	return wait, false
}

func (o *outbox) drop(id string) {
	if err := o.store.Delete(kindOutbox, id); err != nil {
		o.log.Warn("sent alert not forgotten, it may be sent again", "channel", o.name, "err", err)
	}
	o.mu.Lock()
	o.queue = o.queue[1:]
	if len(o.queue) == 0 {
		close(o.gone)
		o.gone = make(chan struct{})
	}
	o.mu.Unlock()
}

// empty returns when nothing is queued, or ctx ends.
func (o *outbox) empty(ctx context.Context) {
	o.mu.Lock()
	n, gone := len(o.queue), o.gone
	o.mu.Unlock()
	if n == 0 {
		return
	}
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

// report is what waits here, and why.
func (o *outbox) report() report.Channel {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := report.Channel{Name: o.name, Waiting: len(o.queue), Tried: o.tried}
	if len(o.queue) > 0 {
		r.Since = o.queue[0].alert.Timestamp
	}
	if o.err != nil {
		r.Error = o.err.Error()
	}
	return r
}
