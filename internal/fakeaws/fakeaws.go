// Package fakeaws answers as AWS Secrets Manager and STS do, to the official SDK:
// signatures are verified, staging labels move by AWS's rules, errors have AWS's
// codes and words. It holds what it is given in memory, for tests.
package fakeaws

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Account is the account of everything in a Server.
const Account = "123456789012"

// Server is one account in one region. Safe for concurrent use.
type Server struct {
	region string

	mu        sync.Mutex
	callers   map[string]*caller // by access key id
	roles     map[string]role    // by ARN
	subjects  map[string]string  // web identity token: ARN of the role it may assume
	secrets   map[string]*stored // by name
	denials   []denial
	throttled map[string]int // action: how many more calls
	calls     map[string]int
	page      int           // how many results of a batch come at once; 0: all
	ahead     time.Duration // how far this clock is before the caller's
}

// New returns a server that knows nobody and has no secrets.
func New(region string) *Server {
	return &Server{
		region: region, callers: map[string]*caller{}, roles: map[string]role{}, subjects: map[string]string{},
		secrets: map[string]*stored{}, throttled: map[string]int{}, calls: map[string]int{},
	}
}

// Start serves on a free port of 127.0.0.1 until stop.
func (s *Server) Start() (url string, stop func(), err error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", nil, fmt.Errorf("start fake AWS: %w", err)
	}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with Close
	}()
	return "http://" + l.Addr().String(), func() { _ = srv.Close(); <-done }, nil
}

// Pair is a pair of keys, with a session token if it is a temporary one.
type Pair struct{ AccessKey, SecretKey, SessionToken string }

// caller is who has a pair.
type caller struct {
	pair     Pair
	arn, id  string
	inactive bool
	expires  time.Time // zero: never
}

// role may be assumed by every caller who knows its external id.
type role struct{ externalID string }

// denial takes an action on a resource, "" for all, from everybody.
type denial struct{ action, resource string }

// NewUser makes an IAM user with a pair of keys.
func (s *Server) NewUser(name string) Pair {
	return s.newCaller("AKIA", "user/"+name, "AIDA"+random(17))
}

// NewKeys makes another pair of keys for the user who has p.
func (s *Server) NewKeys(p Pair) Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.callers[p.AccessKey]
	fresh := Pair{AccessKey: "AKIA" + random(16), SecretKey: random(40)}
	s.callers[fresh.AccessKey] = &caller{pair: fresh, arn: old.arn, id: old.id}
	return fresh
}

func (s *Server) newCaller(prefix, what, id string) Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Pair{AccessKey: prefix + random(16), SecretKey: random(40)}
	s.callers[p.AccessKey] = &caller{pair: p, arn: "arn:aws:iam::" + Account + ":" + what, id: id}
	return p
}

// Deactivate makes AWS refuse a pair, as for one that was deleted.
func (s *Server) Deactivate(p Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers[p.AccessKey].inactive = true
}

// Expire ends a temporary pair.
func (s *Server) Expire(p Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers[p.AccessKey].expires = time.Now().Add(-time.Second)
}

// NewSession makes a temporary pair for the user name.
func (s *Server) NewSession(name string) Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session("arn:aws:iam::"+Account+":user/"+name, "AIDA"+random(17), time.Hour)
}

// session makes a temporary pair; the caller holds mu.
func (s *Server) session(arn, id string, lasts time.Duration) Pair {
	p := Pair{AccessKey: "ASIA" + random(16), SecretKey: random(40), SessionToken: "IQoJ" + random(300) + "=="}
	s.callers[p.AccessKey] = &caller{pair: p, arn: arn, id: id, expires: time.Now().Add(lasts)}
	return p
}

// NewRole makes a role that every caller with the external id may assume.
func (s *Server) NewRole(name, externalID string) (arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn = "arn:aws:iam::" + Account + ":role/" + name
	s.roles[arn] = role{externalID: externalID}
	return arn
}

// Trust lets who has a web identity's token assume the role.
func (s *Server) Trust(token, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subjects[token] = arn
}

// Deny takes an action, "secretsmanager:GetSecretValue", on one secret, "" for all.
func (s *Server) Deny(action, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = append(s.denials, denial{action, secret})
}

// AllowAll ends every Deny.
func (s *Server) AllowAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = nil
}

// Throttle refuses the next n calls of an action.
func (s *Server) Throttle(action string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttled[action] = n
}

// PageSize bounds how many secrets come with one answer of a batch.
func (s *Server) PageSize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
}

// Skew sets the clock of AWS ahead of this machine's.
func (s *Server) Skew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = d
}

// Calls is how many calls of an action came, refused ones too.
func (s *Server) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[action]
}

// problem is an error as AWS answers it.
type problem struct {
	code, message string
}

func fail(code, format string, args ...any) *problem {
	return &problem{code: code, message: fmt.Sprintf(format, args...)}
}

// gate is what every action passes; the caller holds mu.
func (s *Server) gate(action string) *problem {
	s.calls[action]++
	if s.throttled[action] > 0 {
		s.throttled[action]--
		return fail("ThrottlingException", "Rate exceeded")
	}
	return nil
}

// allowed asks IAM; the caller holds mu.
func (s *Server) allowed(c *caller, action, resource string) *problem {
	for _, d := range s.denials {
		if d.action == action && (d.resource == "" || d.resource == resource) {
			return fail("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
				c.arn, action, resource, action)
		}
	}
	return nil
}

// ServeHTTP answers one call of either service.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", requestID())
	s.mu.Lock()
	w.Header().Set("Date", time.Now().Add(s.ahead).UTC().Format(http.TimeFormat))
	s.mu.Unlock()
	if r.Header.Get("X-Amz-Target") != "" {
		s.serveSecrets(w, r)
		return
	}
	s.serveSTS(w, r)
}

func requestID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// random makes up n characters of AWS's ids.
func random(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = digits[b[i]&31]
	}
	return string(b)
}
