package vault

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekey/livekey/internal/secret"
)

// renewPause is how long a denied path waits for its next login after one did
// not help. Vault keeps a lease for each token: a path that is denied for good must
// not make a new one at every poll. A role's new policies count from the next login.
const renewPause = 5 * time.Minute

// A method gets tokens. A session calls it from one goroutine at a time.
type method interface {
	// login returns a token. It asks past whatever was known before.
	login(ctx context.Context) (secret.Value, error)
	// stale says, without asking Vault, that another token is there by now.
	stale() bool
	// leases says that every login leaves a lease at Vault.
	leases() bool
}

// token is a token of one login.
type token struct {
	value secret.Value
	login int64 // 1, 2, …; 0: none yet
}

// session holds the token of all reads. Whoever needs a new one logs in; those who
// need it too wait for that one login and share its result, an error included.
// No goroutine is left behind: a login belongs to a read and ends with it.
type session struct {
	method method
	ended  atomic.Int64 // logins that ended, well or not

	turn    chan struct{} // held by who uses the two below
	current token
	failed  error // of the last login; nil if it only ran out of its caller's time

	mu     sync.Mutex
	futile map[string]time.Time // path: when a login did not help it
}

func newSession(m method) *session {
	return &session{method: m, turn: make(chan struct{}, 1), futile: make(map[string]time.Time)}
}

// token returns the token at hand. It logs in for the first, and when another is there.
func (s *session) token(ctx context.Context) (token, error) {
	ended := s.ended.Load()
	if err := s.take(ctx); err != nil {
		return token{}, err
	}
	defer s.leave()
	if s.current.login == 0 {
		return s.login(ctx, ended)
	}
	if s.method.stale() {
		if fresh, err := s.login(ctx, ended); err == nil {
			return fresh, nil
		} // half written, it may be: the one at hand is good until Vault says otherwise
	}
	return s.current, nil
}

// renew returns another token than old, which was denied at path, or one equal to
// old if a login can change nothing now.
func (s *session) renew(ctx context.Context, old token, path string) (token, error) {
	ended := s.ended.Load()
	if err := s.take(ctx); err != nil {
		return token{}, err
	}
	defer s.leave()
	if s.current.login > old.login || s.paused(path) {
		return s.current, nil
	}
	fresh, err := s.login(ctx, ended)
	if err == nil {
		s.mark(path)
	}
	return fresh, err
}

func (s *session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *session) leave() { <-s.turn }

// login logs in, unless one ended badly since the count was ended: then it shares
// that error. The caller has the turn.
func (s *session) login(ctx context.Context, ended int64) (token, error) {
	if s.failed != nil && s.ended.Load() > ended {
		return token{}, s.failed
	}
	value, err := s.method.login(ctx)
	s.failed = err
	if ctx.Err() != nil {
		s.failed = nil
	}
	s.ended.Add(1)
	if err != nil {
		return token{}, err
	}
	s.current = token{value: value, login: s.current.login + 1}
	return s.current, nil
}

// paused says whether a login for path was in vain lately.
func (s *session) paused(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.futile[path]
	return ok && time.Since(at) < renewPause
}

// mark remembers a login for path, which was in vain unless allowed says otherwise.
func (s *session) mark(path string) {
	if !s.method.leases() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.futile[path] = time.Now()
}

// allowed says that path was not denied.
func (s *session) allowed(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.futile, path)
}
