package vault

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
)

// renewPause is how long a denied path waits for its next login after one did
// not help. Vault keeps a lease for each token: a path that is denied for good must
// not make a new one at every poll. A role's new policies count from the next login.
const renewPause = 5 * time.Minute

// deniedPause is the same for the next path, after a login that did not help one: a
// role that lost its policy has all its paths denied.
const deniedPause = 10 * time.Second

// Waits between logins that fail. One that Vault refuses is refused again until
// somebody acts, and Vault locks out who tries too often.
const (
	loginFirst   = 250 * time.Millisecond
	loginLimit   = 2500 * time.Millisecond
	refusedFirst = 5 * time.Second
	refusedLimit = time.Minute
)

// A method gets tokens. A session calls login from one goroutine at a time.
type method interface {
	// login returns a token. It asks past whatever was known before.
	login(ctx context.Context) (grant, error)
	// changed says, without asking Vault, that a login would have other credentials
	// than the last one had.
	changed() bool
	traits() traits
}

// traits are what a session must know of a method.
type traits struct {
	prompt bool // a changed credential is reason enough to log in
	leases bool // every login makes a token, and leaves a lease at Vault
}

// token is a token of one login.
type token struct {
	value secret.Value
	login int64 // 1, 2, …; 0: none yet
	life  lifetime
	ends  time.Time // zero: never, as far as one knows
	due   time.Time // when to look after it; zero: never
	tries int       // in vain, since it is due
}

// usable says whether the token is one, and not past its end.
func (t token) usable(now time.Time) bool {
	return t.login > 0 && (t.ends.IsZero() || now.Before(t.ends))
}

// session holds the token of all reads. Whoever needs a new one logs in; those who
// need it too wait for that one login and share its result, an error included. A
// good token is handed out without waiting for anybody.
type session struct {
	method method
	tokens lifekeeper
	renews bool // false: every token is used until its end, and a login makes the next

	turn     chan struct{} // held by who logs in or renews, and uses the three below
	failed   error         // of the last login; nil if it only ran out of its caller's time
	failures int           // in a row
	next     time.Time     // no login before, after a failed one

	fresh chan struct{} // there is another token: for keep

	mu      sync.Mutex
	current token
	owed    bool                 // the last login failed
	futile  map[string]time.Time // path: when a login did not help it
	vain    time.Time            // the last of these
}

func newSession(m method, k lifekeeper) *session {
	return &session{
		method: m, tokens: k,
		turn: make(chan struct{}, 1), fresh: make(chan struct{}, 1),
		futile: make(map[string]time.Time),
	}
}

// token returns the token at hand. It logs in for the first, after its end, and
// when another is there; nobody who has a good one waits for that.
func (s *session) token(ctx context.Context) (token, error) {
	t, ok := s.good()
	switch {
	case ok:
		return t, nil
	case t.usable(time.Now()):
		if !s.tryTake() {
			return t, nil
		}
	default:
		if err := s.take(ctx); err != nil {
			return token{}, err
		}
	}
	defer s.leave()
	if t, ok = s.good(); ok {
		return t, nil
	}
	fresh, err := s.login(ctx)
	if err != nil && t.usable(time.Now()) {
		return t, nil // half written, it may be: the one at hand is good until Vault says otherwise
	}
	return fresh, err
}

// good returns the token at hand, and whether nothing speaks for another.
func (s *session) good() (token, bool) {
	s.mu.Lock()
	t, owed := s.current, s.owed
	s.mu.Unlock()
	return t, t.usable(time.Now()) && !(s.method.traits().prompt && (owed || s.method.changed()))
}

func (s *session) at() token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// set makes t the token of all reads.
func (s *session) set(t token) {
	s.mu.Lock()
	s.current = t
	s.mu.Unlock()
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// replace returns another token than old, which was denied at path, or one equal to
// old if a login can change nothing now. ended says that Vault does not know old any more.
func (s *session) replace(ctx context.Context, old token, path string, ended bool) (token, error) {
	if err := s.take(ctx); err != nil {
		return token{}, err
	}
	defer s.leave()
	if t := s.at(); t.login > old.login || !ended && s.paused(path) {
		return t, nil
	}
	fresh, err := s.login(ctx)
	if err == nil && !ended {
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

// tryTake takes the turn if nobody has it.
func (s *session) tryTake() bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *session) leave() { <-s.turn }

func (s *session) owe(login bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed = login
}

// login logs in. Soon after a failed login it shares that one's error instead,
// unless there are other credentials by now. The caller has the turn.
func (s *session) login(ctx context.Context) (token, error) {
	asked := time.Now()
	if s.failed != nil && asked.Before(s.next) && !s.method.changed() {
		return token{}, s.failed
	}
	g, err := s.method.login(ctx)
	s.owe(err != nil)
	if err != nil {
		s.fail(ctx, err)
		return token{}, err
	}
	s.failed, s.failures = nil, 0
	fresh := token{value: g.value, login: s.at().login + 1}.living(s.spared(g.life), asked)
	s.set(fresh)
	return fresh, nil
}

// spared is what keep needs to know of a life if livekey is not to renew tokens.
func (s *session) spared(l lifetime) lifetime {
	if !s.renews {
		l.told, l.renewable = true, false
	}
	return l
}

// fail sets the wait for the next login.
func (s *session) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		s.failed = nil // it says nothing about Vault
		return
	}
	first, limit := loginFirst, loginLimit
	if errors.Is(err, ErrLogin) || errors.Is(err, ErrWrapping) {
		first, limit = refusedFirst, refusedLimit
	}
	s.failed = err
	s.next = time.Now().Add(schedule.Backoff(s.failures, first, limit, random()))
	s.failures++
}

// random picks jitter: what a fleet does at the same time must drift apart.
func random() float64 { return rand.Float64() } //nolint:gosec // no secret

// paused says whether a login for path was in vain lately.
func (s *session) paused(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.futile[path]
	return ok && time.Since(at) < renewPause || !s.vain.IsZero() && time.Since(s.vain) < deniedPause
}

// mark remembers a login for path, which was in vain unless allowed says otherwise.
func (s *session) mark(path string) {
	if !s.method.traits().leases {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vain = time.Now()
	s.futile[path] = s.vain
}

// allowed says that path was not denied.
func (s *session) allowed(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.futile[path]; ok {
		delete(s.futile, path)
		if at.Equal(s.vain) {
			s.vain = time.Time{}
		}
	}
}
