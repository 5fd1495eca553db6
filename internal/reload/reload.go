// Package reload tells consumers that a sink changed: systemd units, processes, programs
// and hooks. A consumer has been told when it came back and stayed up; whether it uses
// what is new is another question, which a look at its processes answers.
//
// Nothing here kills, and nothing starts what does not run, but for a unit that failed by
// being told of what was taken back since.
package reload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// A Step tells one consumer. Safe for concurrent use.
type Step interface {
	// Name is the consumer, for people and for the journal: "unit app.service".
	Name() string
	// Reload tells the consumer and waits until it is back: what was asked for ended well,
	// it stayed up, and its health URL answers. The result says in a few words what was
	// done, also that nothing had to be. An error wraps ErrUnasked where the consumer
	// cannot have noticed anything; every other one says that it did not come back.
	Reload(ctx context.Context, c Change) (result string, err error)
}

// ErrUnasked says that the consumer was not told: nobody could be asked to, or livekey may
// not. It runs on as before, so that asking again does no harm.
var ErrUnasked = errors.New("not told")

// Change is what a consumer is told of: names and fingerprints, never a value.
type Change struct {
	Sink   string
	Path   string
	Keys   []key.Name        // that changed, sorted
	Prints []key.Fingerprint // of their versions now, in the order of Keys; empty: it has none any more
	Reason Reason
	At     time.Time // since when the sink is as it is
	Since  time.Time // when it began to change: before anybody was told
}

// Reason is why a consumer is told.
type Reason string

// The reasons.
const (
	First    Reason = "first"    // the sink was empty before
	Changed  Reason = "changed"  // it has something else than before
	Reverted Reason = "reverted" // it has again what it had before a consumer failed
)

// names are the keys, separated by blanks, which no name has.
func (c Change) names() string {
	all := make([]string, len(c.Keys))
	for i, k := range c.Keys {
		all[i] = string(k)
	}
	return strings.Join(all, " ")
}

// prints are the short fingerprints in the order of the names; "-" where there is none.
func (c Change) prints() string {
	all := make([]string, len(c.Prints))
	for i, f := range c.Prints {
		if all[i] = f.String(); f == "" {
			all[i] = "-"
		}
	}
	return strings.Join(all, " ")
}

// Health is how a consumer shows that it is back. The zero Health asks nobody.
type Health struct {
	URL     string
	Timeout time.Duration // it may take this long
	HTTP    *http.Client
}

// healthEvery is how often a health URL is asked.
const healthEvery = 500 * time.Millisecond

// ask returns nil once the URL answers 2xx, and what it said last when the time is over.
func (h Health) ask(ctx context.Context) error {
	if h.URL == "" {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	for {
		err := h.once(bounded)
		if err == nil {
			return nil
		}
		if bounded.Err() == nil {
			pause(bounded, healthEvery)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case bounded.Err() != nil:
			return fmt.Errorf("not healthy after %s: %w", h.Timeout, err)
		}
	}
}

func (h Health) once(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return fmt.Errorf("ask health url: %w", err)
	}
	_, err = call(h.HTTP, req)
	return err
}

// pause waits, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
