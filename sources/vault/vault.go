// Package vault reads keys from HashiCorp Vault's KV engine, version 1 or 2:
//
//	vault://secret/prod/llm#anthropic             mount secret, secret prod/llm, field anthropic
//	vault://secret/prod/llm?version=6#anthropic   an older version
//	vault://team/kv/llm#anthropic                 Vault is asked, once, where the mount ends
//	vault://llm?mount=team/kv&kv=2#anthropic      and here it is not
//	vault://secret/llm?namespace=team#anthropic   in a namespace of Vault Enterprise or OpenBao
//
// A record is the JSON object of one version of a secret; its number and its time
// come with it, where the engine keeps them. OpenBao speaks the same protocol.
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

// loginConns is how many of the connections are for logins alone, where the
// connection itself is what logs in: one, and the one before it on its way out.
const loginConns = 2

// Source reads from one Vault with one login.
type Source struct {
	env      sources.Env
	settings settings
	slots    chan struct{} // a read holds one

	mu        sync.Mutex
	conn      *connection   // nil until the first Fetch
	connected chan struct{} // closed when conn is there
}

// connection is what reading takes: made once, at the first Fetch, because it
// reads files and, if the config says so, the environment.
type connection struct {
	client    *client
	namespace string // where references do not say
	session   *session
	mounts    *mounts
}

// FromConfig checks the settings of a source, the struct settings. It does no I/O.
func FromConfig(env sources.Env, node config.Node) (sources.Source, error) {
	s, err := readSettings(node)
	if err != nil {
		return nil, err
	}
	return &Source{
		env: env, settings: s,
		slots:     make(chan struct{}, maxRequests),
		connected: make(chan struct{}),
	}, nil
}

// Fetch reads one version of one secret. Its errors wrap key.ErrNotFound or one of
// this package's where one fits, and say what to do.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	at, err := parseLocation(loc, s.settings.KV)
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
func (s *Source) Lint(ref key.Ref) error { return lint(ref, s.settings.KV) }

// Former is where an older version is, in an engine that keeps versions.
func (s *Source) Former(loc key.Location, v key.Version) (key.Location, bool) {
	loc.Version = v
	_, err := parseLocation(loc, s.settings.KV)
	return loc, v != "" && err == nil
}

// Variables are those of the token, where that comes from the environment.
func (s *Source) Variables([]key.Location) []string {
	if s.settings.Auth.Method != "" {
		return nil
	}
	return []string{"VAULT_TOKEN", "BAO_TOKEN"}
}

// Keep renews the token of the reads, from the first of them on, until ctx ends.
func (s *Source) Keep(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.connected:
		s.conn.session.keep(ctx, s.env.Log.With("address", s.conn.client.base.Host), s.settings.Timeout)
	}
}

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
	reads, logins, err := s.clients(t)
	if err != nil {
		return nil, err
	}
	a := s.settings.Auth
	if a.Namespace == "" {
		a.Namespace = t.namespace
	}
	c := &connection{
		client:    reads,
		namespace: t.namespace,
		session:   newSession(a.newMethod(logins, t), &tokens{client: logins, namespace: a.Namespace}),
	}
	c.session.renews = a.Renew
	c.mounts = newMounts(c.ask)
	s.conn = c
	close(s.connected)
	return c, nil
}

// clients makes the client of the reads and that of the logins. They are two
// where the certificate of a connection is what logs in: Vault renews such a token
// over a connection with the same certificate alone.
func (s *Source) clients(t target) (reads, logins *client, err error) {
	o := httpclient.Options{
		CAFile:         t.caFile,
		ServerName:     t.serverName,
		ClientCertFile: t.cert,
		ClientKeyFile:  t.key,
		MaxConns:       maxRequests,
		Timeout:        s.settings.Timeout + time.Second, // the deadline of Fetch comes first, and says so
	}
	if s.settings.Auth.Method != methodCert {
		h, err := s.env.HTTP.Client(o)
		reads = &client{base: t.address, http: h}
		return reads, reads, err
	}
	o.MaxConns = maxRequests - loginConns
	h, err := s.env.HTTP.Client(o)
	if err != nil {
		return nil, nil, err
	}
	o.MaxConns = 1
	l, err := s.env.HTTP.Client(o)
	return &client{base: t.address, http: h}, &client{base: t.address, http: l}, err
}

// read finds the mount of at and reads it. A read whose answer says that another
// engine is mounted there is done once more if Vault says so too.
func (c *connection) read(ctx context.Context, at location) (sources.Record, error) {
	if at.namespace == "" {
		at.namespace = c.namespace
	}
	placed, err := c.mounts.place(ctx, at)
	if err != nil {
		return sources.Record{}, err
	}
	r, err := c.record(ctx, placed)
	if err != nil {
		if now, moved := c.mounts.again(ctx, at, placed, err); moved {
			return c.record(ctx, now)
		}
	}
	return r, err
}

func (c *connection) record(ctx context.Context, at location) (sources.Record, error) {
	ans, err := c.ask(ctx, call{method: http.MethodGet, namespace: at.namespace, path: at.apiPath(), query: at.query()})
	if err != nil {
		return sources.Record{}, err
	}
	return ans.record(at)
}

// ask asks with the token at hand and, if that is refused, once more with a fresh one.
func (c *connection) ask(ctx context.Context, k call) (answer, error) {
	tok, err := c.session.token(ctx)
	if err != nil {
		return answer{}, err
	}
	k.token = tok.value
	ans, err := c.client.do(ctx, k)
	if err != nil {
		return ans, err
	}
	subject := k.namespace + "/" + k.path
	if ans.denied() {
		fresh, err := c.session.replace(ctx, tok, subject, ans.says(noToken))
		if err != nil {
			return answer{}, err
		}
		if !fresh.value.Equal(tok.value) {
			k.token = fresh.value
			if ans, err = c.client.do(ctx, k); err != nil {
				return ans, err
			}
		}
	}
	if !ans.denied() {
		c.session.allowed(subject)
	}
	return ans, nil
}

// errSlow is the cause of a read that took too long.
type errSlow struct{ timeout time.Duration }

func (e errSlow) Error() string { return fmt.Sprintf("no answer within %s", e.timeout) }

// Is lets callers treat it as the deadline that it is.
func (errSlow) Is(target error) bool { return target == context.DeadlineExceeded }
