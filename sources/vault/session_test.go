package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/secret"
)

// fakeMethod hands out token-1, token-2, … a second after it is asked.
type fakeMethod struct {
	logins int
	err    error
}

func (m *fakeMethod) login(ctx context.Context) (secret.Value, error) {
	m.logins++
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return secret.Value{}, ctx.Err()
	}
	if m.err != nil {
		return secret.Value{}, m.err
	}
	return secret.New(fmt.Appendf(nil, "token-%d", m.logins)), nil
}

func (m *fakeMethod) stale() bool  { return false }
func (m *fakeMethod) leases() bool { return true }

func TestDeniedPathWaitsForItsNextLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{}
		s := newSession(m)
		tok, err := s.token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		renew := func(wantLogins int, when string) {
			t.Helper()
			if tok, err = s.renew(t.Context(), tok, "secret/data/a"); err != nil {
				t.Fatal(err)
			}
			if m.logins != wantLogins {
				t.Errorf("%s: %d logins, want %d", when, m.logins, wantLogins)
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
		m := &fakeMethod{err: errors.New("no")}
		s := newSession(m)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := s.token(t.Context()); !errors.Is(err, m.err) {
					t.Errorf("err = %v", err)
				}
			})
		}
		all.Wait()
		if m.logins != 1 {
			t.Errorf("%d logins, want one for all", m.logins)
		}
		m.err = nil
		if _, err := s.token(t.Context()); err != nil {
			t.Errorf("the next read shares an old error: %v", err)
		}
	})
}

func TestLoginThatRanOutOfItsCallersTimeIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(&fakeMethod{})
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
		m := &fakeMethod{}
		s := newSession(m)
		tok, err := s.token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.err = errors.New("sealed")
		if _, err := s.renew(t.Context(), tok, "secret/data/a"); !errors.Is(err, m.err) {
			t.Errorf("err = %v", err)
		}
		m.err = nil
		fresh, err := s.renew(t.Context(), tok, "secret/data/a")
		if err != nil || fresh.value.Equal(tok.value) {
			t.Errorf("no fresh token after the outage: err = %v", err)
		}
	})
}
