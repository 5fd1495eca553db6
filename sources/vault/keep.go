package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
)

// Waits between tries to look after a token.
const (
	keepFirst = time.Second
	keepLimit = 30 * time.Second
)

// A lifekeeper asks how long a token lives, and lets it live on.
type lifekeeper interface {
	lookup(ctx context.Context, token secret.Value) (lifetime, error)
	renew(ctx context.Context, token secret.Value) (lifetime, error)
}

// living is t with what is known of its life since asked: it is due to be looked
// after at two thirds of that, less some jitter, or at once if nothing is known.
func (t token) living(l lifetime, asked time.Time) token {
	t.life, t.ends, t.due, t.tries = l, time.Time{}, time.Time{}, 0
	switch {
	case !l.told:
		t.due = asked
	case l.ttl > 0:
		t.ends = asked.Add(l.ttl)
		t.due = schedule.NextCheck(asked, t.ends, l.ttl, random())
	}
	return t
}

// errEnding says that a token will end and that nothing livekey can do changes it.
var errEnding = errors.New("the token ends soon, and livekey can make no other: put another into its file")

// keep looks after the token until ctx ends, so that no read finds it ended because
// reads are rare. Nobody waits for it: while it asks, the token at hand is used.
func (s *session) keep(ctx context.Context, log *slog.Logger, timeout time.Duration) {
	for {
		var due <-chan time.Time // of a token that needs nothing: never
		if t := s.at(); !t.due.IsZero() {
			due = time.After(max(time.Until(t.due), 0))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.fresh:
		case <-due:
			if err := s.tend(ctx, timeout); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "token not kept alive", "err", err)
			}
		}
	}
}

// tend does what is due for the token at hand: ask how long it lives, renew it, or
// log in before it ends. It returns the first error of several in a row.
func (s *session) tend(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errSlow{timeout})
	defer cancel()
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	t, asked := s.at(), time.Now()
	if t.due.IsZero() || asked.Before(t.due) {
		return nil // somebody else did
	}
	if !t.usable(asked) {
		t.due = time.Time{}
		s.set(t) // the next read logs in
		return nil
	}
	next, err := s.prolonged(ctx, t, asked)
	switch {
	case err == nil:
		s.set(next)
		return nil
	case errors.Is(err, errEnding):
		t.due = time.Time{}
	default:
		t.due = time.Now().Add(schedule.Backoff(t.tries, keepFirst, keepLimit, random()))
		t.tries++
	}
	s.set(t)
	if t.tries > 1 {
		return nil
	}
	return err
}

// prolonged is t with more life, or the token of a new login.
func (s *session) prolonged(ctx context.Context, t token, asked time.Time) (token, error) {
	if !t.life.told {
		life, err := s.tokens.lookup(ctx, t.value)
		if err != nil {
			return t, fmt.Errorf("look up the token: %w", err)
		}
		return t.living(life, asked), nil
	}
	ending := errEnding
	if t.life.renewable {
		life, err := s.tokens.renew(ctx, t.value)
		switch {
		case err == nil:
			// Near its maximum a renewal gives ever less.
			life.renewable = life.renewable && (life.ttl == 0 || life.ttl > t.life.ttl/2)
			return t.living(life, asked), nil
		case !errors.Is(err, errNotRenewed):
			return t, fmt.Errorf("renew the token: %w", err)
		}
		ending = fmt.Errorf("renew the token: %w; %w", err, errEnding)
	}
	if !s.method.traits().leases && !s.method.changed() {
		return t, ending
	}
	return s.login(ctx)
}
