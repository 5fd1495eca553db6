// Package fakeissuer answers as issuers do: Anthropic on /v1/models,
// /v1/organizations/me and /v1/organizations/api_keys, OpenAI on /v1/models, with their bodies and headers as
// documented. `livekey drill` and the tests rotate keys against it. It knows made-up
// keys only and keeps no promise about real ones.
package fakeissuer

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// State is how an account's key stands with its issuer.
type State uint8

// The states.
const (
	Live           State = iota
	Revoked              // as an unknown key: 401
	Expired              // 401, for an OAuth token with the issuer's word for it
	RateLimited          // 429 with Retry-After
	NoCredit             // 400 at Anthropic, 429 at OpenAI
	SpendCap             // 429 without Retry-After
	OrgDisabled          // the organization has been disabled
	NeedsWorkspace       // several workspaces, and the call names none
	LimitedScope         // 403, may not list models
	BillingProblem       // 402 billing_error
)

// Account is what the issuer knows about one key.
type Account struct {
	Organization string // as in anthropic-organization-id
	Workspace    string // as in anthropic-workspace-id; "" for a key without one
	State        State
	RetryAfter   time.Duration // of RateLimited, whole seconds; 0: no such header

	Name      string    // as the Admin API lists it; "" for one made up
	Owner     string    // the id of the service account that has it; "" for one of a user
	ExpiresAt time.Time // as the Admin API lists it; it is State that refuses
}

// Mode is what stands between the client and the issuer, or the issuer's own bad day.
type Mode uint8

// The modes.
const (
	Healthy        Mode = iota
	Overloaded          // 529 for everybody
	Unavailable         // 503 with Retry-After: 1
	Portal              // a captive portal's page, 200
	PortalRedirect      // a captive portal's redirect, 302
	Firewall            // a firewall's page, 403
	Garbage             // bytes that are neither JSON nor HTML, 200
	Slow                // no answer until the client gives up
	Reset               // the connection is reset
	Endless             // a body without an end
)

// Issuer is the fake. It is an http.Handler; make one with New. Safe for concurrent use.
type Issuer struct {
	mu       sync.Mutex
	accounts map[string]Account
	calls    map[string]int
	total    int
	mode     Mode
	serial   int
	issued   []issued // in the order in which they were added
	updates  int
}

// New returns an issuer without accounts: it refuses every key.
func New() *Issuer {
	return &Issuer{accounts: map[string]Account{}, calls: map[string]int{}}
}

// Start serves on a free port of 127.0.0.1 until stop, which also ends the calls
// that Slow and Endless hold.
func (i *Issuer) Start() (url string, stop func(), err error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", nil, fmt.Errorf("start fake issuer: %w", err)
	}
	srv := &http.Server{Handler: i, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with Close
	}()
	return "http://" + l.Addr().String(), func() { _ = srv.Close(); <-done }, nil
}

// Add makes the issuer know key, or changes what it knows.
func (i *Issuer) Add(key string, a Account) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.accounts[key] = a
	i.record(key, a)
}

// Revoke makes the issuer refuse key from now on.
func (i *Issuer) Revoke(key string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.accounts, key)
}

// Mode changes how every call from now on is answered.
func (i *Issuer) Mode(m Mode) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mode = m
}

// Calls is how many calls came with key, in any mode.
func (i *Issuer) Calls(key string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls[key]
}

// Total is how many calls came at all.
func (i *Issuer) Total() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.total
}

// ServeHTTP answers one call.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := readCredential(r)
	i.mu.Lock()
	i.total++
	i.calls[c.value]++
	i.serial++
	serial, mode := i.serial, i.mode
	account, known := i.accounts[c.value]
	i.mu.Unlock()

	if mode != Healthy {
		mode.serve(w, r)
		return
	}
	if r.Header.Get("Anthropic-Version") == "" {
		serveOpenAI(w, r, c, account, known, serial)
		return
	}
	i.serveAnthropic(w, r, c, account, known, serial)
}

// credential is what a call came with.
type credential struct {
	value  string
	bearer bool // in Authorization, else in x-api-key
}

func readCredential(r *http.Request) credential {
	if v := r.Header.Get("X-Api-Key"); v != "" {
		return credential{value: v}
	}
	v, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return credential{}
	}
	return credential{value: v, bearer: true}
}
