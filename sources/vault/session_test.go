package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/secret"
)

// fakeMethod hands out token-1, token-2, … a second after it is asked.
type fakeMethod struct {
	kind traits
	life lifetime

	logins   count
	replaced atomic.Bool
	fails    failing
}

// count is how often something was done.
type count struct{ atomic.Int64 }

func (c *count) n() int { return int(c.Load()) }

// failing is the error that a fake answers with, if there is one.
type failing struct {
	mu  sync.Mutex
	err error
}

func (f *failing) with(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) now() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (m *fakeMethod) login(ctx context.Context) (grant, error) {
	n := m.logins.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return grant{}, ctx.Err()
	}
	if err := m.fails.now(); err != nil {
		return grant{}, err
	}
	return grant{value: secret.New(fmt.Appendf(nil, "token-%d", n)), life: m.life}, nil
}

func (m *fakeMethod) changed() bool  { return m.replaced.Load() }
func (m *fakeMethod) traits() traits { return m.kind }

// fakeTokens answers at once with what it is told to.
type fakeTokens struct {
	life              lifetime
	err               error
	renewals, lookups count
}

func (f *fakeTokens) renew(context.Context, secret.Value) (lifetime, error) {
	f.renewals.Add(1)
	return f.life, f.err
}

func (f *fakeTokens) lookup(context.Context, secret.Value) (lifetime, error) {
	f.lookups.Add(1)
	return f.life, f.err
}

func sessionOf(m *fakeMethod, f *fakeTokens) *session {
	s := newSession(m, f)
	s.renews = true
	return s
}

func TestDeniedPathWaitsForItsNextLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{kind: traits{leases: true}}
		s := sessionOf(m, nil)
		tok, err := s.token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		renew := func(wantLogins int, when string) {
			t.Helper()
			if tok, err = s.replace(t.Context(), tok, "secret/data/a", false); err != nil {
				t.Fatal(err)
			}
			if m.logins.n() != wantLogins {
				t.Errorf("%s: %d logins, want %d", when, m.logins.n(), wantLogins)
			}
		}
		renew(2, "at the first denial")
		time.Sleep(renewPause - time.Second)
		renew(2, "before the pause is over")
		time.Sleep(time.Second)
		renew(3, "after the pause")
		s.allowed("secret/data/a")
		renew(4, "once the path was allowed in between")
	})
}

func TestFailedLoginIsSharedByThoseWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{}
		no := errors.New("no")
		m.fails.with(no)
		s := sessionOf(m, nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := s.token(t.Context()); !errors.Is(err, no) {
					t.Errorf("err = %v", err)
				}
			})
		}
		all.Wait()
		if m.logins.n() != 1 {
			t.Errorf("%d logins, want one for all", m.logins.n())
		}
		m.fails.with(nil)
		time.Sleep(2 * loginFirst)
		if _, err := s.token(t.Context()); err != nil {
			t.Errorf("a later read shares an old error: %v", err)
		}
	})
}

func TestLoginThatRanOutOfItsCallersTimeIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sessionOf(&fakeMethod{}, nil)
		hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.token(hurried); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
		})
		synctest.Wait() // until the one in a hurry has the turn
		all.Go(func() {
			if _, err := s.token(t.Context()); err != nil {
				t.Errorf("a patient read got another's deadline: %v", err)
			}
		})
		all.Wait()
	})
}

func TestFailedRenewalDoesNotStopTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{kind: traits{leases: true}}
		s := sessionOf(m, nil)
		tok, err := s.token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		no := errors.New("sealed")
		m.fails.with(no)
		if _, err := s.replace(t.Context(), tok, "secret/data/a", false); !errors.Is(err, no) {
			t.Errorf("err = %v", err)
		}
		m.fails.with(nil)
		time.Sleep(2 * loginFirst)
		fresh, err := s.replace(t.Context(), tok, "secret/data/a", false)
		if err != nil || fresh.value.Equal(tok.value) {
			t.Errorf("no fresh token after the outage: err = %v", err)
		}
	})
}
