package vault

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/secret"
)

// kept runs keep beside test, in bubble time, and returns what it logged.
func kept(t *testing.T, m *fakeMethod, f *fakeTokens, test func(t *testing.T, s *session)) string {
	t.Helper()
	var log strings.Builder
	synctest.Test(t, func(t *testing.T) {
		s := sessionOf(m, f)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.keep(ctx, slog.New(slog.NewTextHandler(&log, nil)), time.Minute)
		}()
		test(t, s)
		stop()
		<-done
	})
	return log.String()
}

// pass lets time go by, and what is due in it be done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// use reads with the token at hand.
func use(t *testing.T, s *session) token {
	t.Helper()
	tok, err := s.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// role makes renewable tokens of an hour.
func role() *fakeMethod {
	return &fakeMethod{kind: traits{leases: true}, life: lifetime{told: true, ttl: time.Hour, renewable: true}}
}

func TestTokenIsRenewedHoweverRareReadsAre(t *testing.T) {
	m, f := role(), &fakeTokens{life: lifetime{told: true, ttl: time.Hour, renewable: true}}
	kept(t, m, f, func(t *testing.T, s *session) {
		first := use(t, s)
		pass(36*time.Minute - 2*time.Second)
		if f.renewals.n() != 0 {
			t.Error("renewed before two thirds of its life, less a tenth of jitter")
		}
		pass(4*time.Minute + 2*time.Second)
		if f.renewals.n() != 1 {
			t.Errorf("%d renewals after two thirds of its life", f.renewals.n())
		}
		pass(100 * time.Hour)
		if again := use(t, s); !again.value.Equal(first.value) || m.logins.n() != 1 {
			t.Errorf("%d logins in 100 hours", m.logins.n())
		}
		if f.renewals.n() < 150 || f.renewals.n() > 170 {
			t.Errorf("%d renewals in 100 hours of a token of one", f.renewals.n())
		}
	})
}

func TestTokenNearItsMaximumIsFollowedByALogin(t *testing.T) {
	m, f := role(), &fakeTokens{life: lifetime{told: true, ttl: 20 * time.Minute, renewable: true}}
	kept(t, m, f, func(t *testing.T, s *session) {
		first := use(t, s)
		pass(57 * time.Minute) // the end of what the renewal gave is later
		second := s.at()
		if m.logins.n() != 2 || f.renewals.n() != 1 || second.value.Equal(first.value) {
			t.Errorf("%d logins, %d renewals: a renewal that gives less than half is the last", m.logins.n(), f.renewals.n())
		}
		if !second.usable(time.Now()) {
			t.Error("there was a moment without a token")
		}
	})
}

func TestTokenThatIsNotRenewableIsFollowedByALogin(t *testing.T) {
	m, f := role(), &fakeTokens{}
	m.life.renewable = false
	kept(t, m, f, func(t *testing.T, s *session) {
		use(t, s)
		pass(41 * time.Minute)
		if m.logins.n() != 2 || f.renewals.n() != 0 {
			t.Errorf("%d logins, %d renewals after two thirds of its life", m.logins.n(), f.renewals.n())
		}
	})
}

func TestRefusedRenewalLeadsToALogin(t *testing.T) {
	m, f := role(), &fakeTokens{err: errNotRenewed}
	kept(t, m, f, func(t *testing.T, s *session) {
		use(t, s)
		pass(41 * time.Minute)
		if m.logins.n() != 2 || f.renewals.n() != 1 {
			t.Errorf("%d logins, %d renewals", m.logins.n(), f.renewals.n())
		}
	})
}

func TestFailingRenewalStopsNoReadAndMakesNoStorm(t *testing.T) {
	m, f := role(), &fakeTokens{err: ErrSealed}
	log := kept(t, m, f, func(t *testing.T, s *session) {
		first := use(t, s)
		pass(59 * time.Minute)
		if again := use(t, s); !again.value.Equal(first.value) || m.logins.n() != 1 {
			t.Errorf("%d logins while the token is good", m.logins.n())
		}
		if f.renewals.n() < 10 || f.renewals.n() > 100 {
			t.Errorf("%d renewals were tried in 19 to 23 minutes", f.renewals.n())
		}
		m.fails.with(ErrSealed)
		pass(time.Hour)
		logins := m.logins.n()
		if logins != 1 {
			t.Errorf("%d logins without a read", logins)
		}
		for range 1000 { // 2.5 seconds of busy reads
			if _, err := s.token(t.Context()); !errors.Is(err, ErrSealed) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(2500 * time.Microsecond)
		}
		if n := m.logins.n() - logins; n < 2 || n > 5 {
			t.Errorf("%d logins while Vault is sealed", n)
		}
	})
	if n := strings.Count(log, "token not kept alive"); n != 1 || !strings.Contains(log, "renew the token") {
		t.Errorf("said %d times:\n%s", n, log)
	}
}

func TestRefusedLoginIsTriedEverMoreSlowlyUntilCredentialsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{kind: traits{leases: true}}
		m.fails.with(ErrLogin)
		s := sessionOf(m, nil)
		for range 1200 {
			if _, err := s.token(t.Context()); !errors.Is(err, ErrLogin) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if m.logins.n() < 6 || m.logins.n() > 14 {
			t.Errorf("%d logins in ten minutes of refusals", m.logins.n())
		}
		m.fails.with(nil)
		m.replaced.Store(true)
		if _, err := s.token(t.Context()); err != nil {
			t.Errorf("new credentials wait: %v", err)
		}
	})
}

func TestTokenOfSomebodyElseIsLookedAfterToo(t *testing.T) {
	m, f := &fakeMethod{}, &fakeTokens{life: lifetime{told: true, ttl: time.Hour, renewable: true}}
	kept(t, m, f, func(t *testing.T, s *session) {
		use(t, s)
		pass(41 * time.Minute)
		if f.lookups.n() != 1 || f.renewals.n() != 1 || m.logins.n() != 1 {
			t.Errorf("%d look-ups, %d renewals, %d logins", f.lookups.n(), f.renewals.n(), m.logins.n())
		}
	})
}

func TestTokenOfSomebodyElseThatEndsIsSaidOnce(t *testing.T) {
	m, f := &fakeMethod{}, &fakeTokens{life: lifetime{told: true, ttl: time.Hour}}
	log := kept(t, m, f, func(t *testing.T, s *session) {
		use(t, s)
		pass(59 * time.Minute)
		if m.logins.n() != 1 {
			t.Errorf("read %d times", m.logins.n())
		}
		m.replaced.Store(true)
		pass(time.Hour)
		use(t, s)
		if m.logins.n() != 2 {
			t.Errorf("after its end its file was not read again")
		}
	})
	if n := strings.Count(log, "put another into its file"); n < 1 || n > 2 { // of each token
		t.Errorf("said %d times:\n%s", n, log)
	}
}

func TestTokenWithoutEndIsLeftAlone(t *testing.T) {
	m, f := &fakeMethod{}, &fakeTokens{life: lifetime{told: true}}
	kept(t, m, f, func(t *testing.T, s *session) {
		use(t, s)
		pass(1000 * time.Hour)
		use(t, s)
	})
	if f.lookups.n() != 1 || f.renewals.n() != 0 || m.logins.n() != 1 {
		t.Errorf("%d look-ups, %d renewals, %d logins", f.lookups.n(), f.renewals.n(), m.logins.n())
	}
}

func TestNothingIsRenewedIfTheConfigSaysSo(t *testing.T) {
	m, f := &fakeMethod{}, &fakeTokens{}
	kept(t, m, f, func(t *testing.T, s *session) {
		s.renews = false
		use(t, s)
		pass(1000 * time.Hour)
	})
	if f.lookups.n() != 0 || f.renewals.n() != 0 || m.logins.n() != 1 {
		t.Errorf("%d look-ups, %d renewals, %d logins", f.lookups.n(), f.renewals.n(), m.logins.n())
	}
}

func TestNewCredentialThatCouldNotBeUsedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := role()
		m.kind.prompt = true
		s := sessionOf(m, nil)
		first := use(t, s)
		m.fails.with(ErrSealed)
		m.replaced.Store(true)
		if again := use(t, s); !again.value.Equal(first.value) || m.logins.n() != 2 {
			t.Errorf("%d logins, and the token at hand is still good", m.logins.n())
		}
		m.fails.with(nil)
		m.replaced.Store(false) // what is there was seen
		pass(2 * loginFirst)
		if again := use(t, s); again.value.Equal(first.value) {
			t.Error("a wrapping token that met a sealed Vault was forgotten")
		}
	})
}

func TestNoReadWaitsForALoginWhileItsTokenIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := role()
		m.kind.prompt = true
		s := sessionOf(m, nil)
		first := use(t, s)
		m.replaced.Store(true)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = s.token(t.Context())
		}()
		synctest.Wait() // it logs in, which takes a second
		began := time.Now()
		if again := use(t, s); !again.value.Equal(first.value) || time.Since(began) != 0 {
			t.Errorf("waited %s", time.Since(began))
		}
		<-done
	})
}

// slowTokens hold a renewal up.
type slowTokens struct{ fakeTokens }

func (f *slowTokens) renew(ctx context.Context, v secret.Value) (lifetime, error) {
	<-ctx.Done()
	_, _ = f.fakeTokens.renew(ctx, v)
	return lifetime{}, context.Cause(ctx)
}

func TestNoReadWaitsForARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowTokens{}
		s := newSession(role(), f)
		s.renews = true
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.keep(ctx, slog.New(slog.DiscardHandler), time.Minute)
		}()
		use(t, s)
		pass(40*time.Minute + time.Second) // a renewal hangs now, or did
		for range 100 {
			began := time.Now()
			use(t, s)
			if took := time.Since(began); took != 0 {
				t.Fatalf("a read waited %s", took)
			}
			time.Sleep(time.Second)
		}
		if f.renewals.n() == 0 {
			t.Error("no renewal ran out of its time")
		}
		stop()
		<-done
	})
}

func TestRoleWithoutItsPolicyMakesNoLoginForEachPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMethod{kind: traits{leases: true}}
		s := sessionOf(m, nil)
		for i := range 500 {
			tok := use(t, s)
			if _, err := s.replace(t.Context(), tok, strings.Repeat("x", i), false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(60 * time.Millisecond)
		}
		if m.logins.n() > 6 {
			t.Errorf("%d logins for 500 paths denied within 30 seconds", m.logins.n())
		}
		tok, before := use(t, s), m.logins.n()
		if fresh, err := s.replace(t.Context(), tok, "x", true); err != nil || fresh.value.Equal(tok.value) || m.logins.n() != before+1 {
			t.Errorf("a token that Vault does not know any more was kept: err = %v", err)
		}
	})
}
