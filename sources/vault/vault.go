// Package vault reads keys from HashiCorp Vault's KV engine, version 2:
//
//	vault://secret/prod/llm#anthropic             mount secret, secret prod/llm, field anthropic
//	vault://secret/prod/llm?version=6#anthropic   an older version
//	vault://prod/llm?mount=team/kv#anthropic      a mount with a slash in its name
//
// A record is the JSON object of one version of a secret; its number and its time
// come with it. OpenBao speaks the same protocol.
//
// Of github.com/hashicorp/vault/api it takes the protocol's names and shapes, not
// the client: api.NewClient reads some twenty VAULT_* variables whatever its Config
// says, and fails on a malformed one; it follows a redirect with the token in
// hand, and reads an error's body to its end, however long that is. Here requests
// go through internal/httpclient, and a variable counts if the config says so.
package vault

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// maxRequests is how many reads may be under way at one Vault. Peers without
// such a limit opened 6,000 connections for 5,000 secrets.
const maxRequests = 10

// Source reads from one Vault with one login.
type Source struct {
	env      sources.Env
	settings settings
	slots    chan struct{} // a read holds one

	mu   sync.Mutex
	conn *connection // nil until the first Fetch
}

// connection is what reading takes: made once, at the first Fetch, because it
// reads files and, if the config says so, the environment.
type connection struct {
	client  *client
	session *session
}

// FromConfig checks the settings of a source: address, ca_file, auth, timeout and
// environment. It does no I/O.
func FromConfig(env sources.Env, node config.Node) (sources.Source, error) {
	s, err := readSettings(node)
	if err != nil {
		return nil, err
	}
	return &Source{env: env, settings: s, slots: make(chan struct{}, maxRequests)}, nil
}

// Fetch reads one version of one secret. Its errors wrap key.ErrNotFound or one of
// this package's where one fits, and say what to do.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	at, err := parseLocation(loc)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.settings.Timeout, errSlow{s.settings.Timeout})
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return sources.Record{}, fmt.Errorf("read %s: %d other reads did not end: %w", loc, maxRequests, context.Cause(ctx))
	}

	conn, err := s.connect()
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	r, err := conn.read(ctx, at)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s at %s: %w", loc, conn.client.base.Host, err)
	}
	return r, nil
}

// Lint says what is wrong with a location without asking Vault.
func (s *Source) Lint(ref key.Ref) error { return lint(ref) }

func (s *Source) connect() (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	t, err := s.settings.target()
	if err != nil {
		return nil, err
	}
	h, err := s.env.HTTP.Client(httpclient.Options{
		CAFile:   t.caFile,
		MaxConns: maxRequests,
		Timeout:  s.settings.Timeout + time.Second, // the deadline of Fetch comes first, and says so
	})
	if err != nil {
		return nil, err
	}
	c := &client{base: t.address, namespace: t.namespace, http: h}
	s.conn = &connection{client: c, session: newSession(s.settings.method(c))}
	return s.conn, nil
}

// read asks with the token at hand and, if that is refused, once more with a fresh one.
func (c *connection) read(ctx context.Context, at location) (sources.Record, error) {
	tok, err := c.session.token(ctx)
	if err != nil {
		return sources.Record{}, err
	}
	ans, err := c.client.do(ctx, call{method: http.MethodGet, path: at.apiPath(), query: at.query(), token: tok.value})
	if err != nil {
		return sources.Record{}, err
	}
	if ans.denied() {
		fresh, err := c.session.renew(ctx, tok, at.apiPath())
		if err != nil {
			return sources.Record{}, err
		}
		if !fresh.value.Equal(tok.value) {
			ans, err = c.client.do(ctx, call{method: http.MethodGet, path: at.apiPath(), query: at.query(), token: fresh.value})
			if err != nil {
				return sources.Record{}, err
			}
		}
	}
	if !ans.denied() {
		c.session.allowed(at.apiPath())
	}
	return ans.record(at)
}

// errSlow is the cause of a read that took too long.
type errSlow struct{ timeout time.Duration }

func (e errSlow) Error() string { return fmt.Sprintf("no answer within %s", e.timeout) }

// Is lets callers treat it as the deadline that it is.
func (errSlow) Is(target error) bool { return target == context.DeadlineExceeded }
