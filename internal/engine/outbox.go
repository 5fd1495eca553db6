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
	"github.com/livekey/livekey/internal/schedule"
)

// Times of sending.
const (
	sendRetryFirst = time.Second
	sendRetryLimit = 5 * time.Minute
	sendTimeout    = 30 * time.Second
)

// outbox is the queue of one channel, in the order of events. The journal holds
// it too, so it outlives a crash and any outage of the receiver.
type outbox struct {
	name    string
	channel alerts.Channel
	log     *slog.Logger
	store   store

	mu    sync.Mutex
	queue []queuedAlert
	kick  chan struct{} // something was queued
	gone  chan struct{} // closed and replaced whenever the queue becomes empty
}

type queuedAlert struct {
	id    string // in the journal
	alert alerts.Alert
}

func newOutbox(name string, c alerts.Channel, log *slog.Logger, st store) *outbox {
	return &outbox{name: name, channel: c, log: log, store: st, kick: make(chan struct{}, 1), gone: make(chan struct{})}
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

// run sends one after another until ctx ends: a receiver never sees a resolved
// before its opened.
func (o *outbox) run(ctx context.Context) {
	attempt := 0
	for {
		o.mu.Lock()
		var first *queuedAlert
		if len(o.queue) > 0 {
			first = &o.queue[0]
		}
		o.mu.Unlock()
		if first == nil {
			select {
			case <-o.kick:
			case <-ctx.Done():
				return
			}
			continue
		}
		wait, done := o.send(ctx, *first, attempt)
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
			return
		}
	}
}

// send tries once. It is done if the receiver took the alert, or never will.
func (o *outbox) send(ctx context.Context, q queuedAlert, attempt int) (wait time.Duration, done bool) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err := o.channel.Send(ctx, q.alert)
	if err == nil {
		return 0, true
	}
	if errors.Is(err, alerts.ErrRefused) {
		o.log.ErrorContext(ctx, "alert refused", "channel", o.name, "alert", q.alert.Data.ID, "cause", q.alert.Data.Cause, "err", err)
		return 0, true
	}
	wait = schedule.Backoff(attempt, sendRetryFirst, sendRetryLimit, schedule.Spread(schedule.Phase(o.name, q.id), attempt))
	if later, ok := errors.AsType[*alerts.RetryError](err); ok {
		wait = max(wait, later.After)
	}
	if ctx.Err() == nil || attempt == 0 {
		o.log.WarnContext(ctx, "alert not sent", "channel", o.name, "alert", q.alert.Data.ID, "attempt", attempt, "err", err)
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
