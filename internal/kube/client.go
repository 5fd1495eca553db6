package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

const (
	// maxBody is more than an object can have: etcd takes 1.5 MiB, of which base64 makes 2.
	maxBody    = 3 << 20
	maxRefusal = 64 << 10

	// maxConns bounds the connections of each kind. HTTP/2 carries many calls on one.
	maxConns = 10
	maxWatch = 100

	// pingAfter is how long a watch hears nothing before it asks whether somebody is there.
	pingAfter = 15 * time.Second
)

// Client calls one API server. Safe for concurrent use.
type Client struct {
	config Config
	http   *httpclient.Factory

	mu   sync.Mutex
	conn *connection // nil until the first call
}

// connection is what calling takes. It is made anew when a file that it comes from changes.
type connection struct {
	target

	seen           *trusted.Seen
	calls, watches *http.Client
}

// New makes a Client. It does no I/O: files are read with the first call.
func New(c Config, f *httpclient.Factory) *Client { return &Client{config: c, http: f} }

// Namespace is the one that is meant where none is named.
func (c *Client) Namespace() (string, error) {
	conn, err := c.connect()
	if err != nil {
		return "", err
	}
	return conn.namespace, nil
}

func (c *Client) connect() (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && !c.conn.seen.Changed() {
		return c.conn, nil
	}
	t, err := c.config.target()
	if err != nil {
		return nil, err
	}
	seen := trusted.See(t.files...)
	seen.Look() // before they are read: which ones there are is known after a first reading alone
	if t, err = c.config.target(); err != nil {
		return nil, err
	}
	conn := &connection{target: t, seen: seen}
	o := httpclient.Options{
		CAFile: t.caFile, CAData: t.caData, ServerName: t.serverName, ClientCert: t.cert,
		MaxConns: maxConns,
	}
	if conn.calls, err = c.http.Client(o); err != nil {
		return nil, err
	}
	o.MaxConns, o.Ping, o.Timeout = maxWatch, pingAfter, watchLongest+httpclient.Timeout
	if conn.watches, err = c.http.Client(o); err != nil {
		return nil, err
	}
	if c.conn != nil {
		c.conn.calls.CloseIdleConnections()
		c.conn.watches.CloseIdleConnections()
	}
	c.conn = conn
	return conn, nil
}

// call is one request.
type call struct {
	verb, method, path string
	query              url.Values
	accept             string
	contentType        string
	body               []byte
	watch              bool
	names              string // the one object that is meant of a collection
}

const (
	asJSON  = "application/json"
	asApply = "application/apply-patch+yaml" // of which JSON is a part
)

// Get reads the object at path into one, decoded from JSON.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.do(ctx, call{verb: "get", method: http.MethodGet, path: path, accept: asJSON}, into)
}

// Create makes an object in the collection at path. into, where it is not nil, gets it as
// the server has it.
func (c *Client) Create(ctx context.Context, path string, object, into any) error {
	return c.send(ctx, call{verb: "create", method: http.MethodPost, path: path}, object, into)
}

// Update replaces the object at path, which must still have its resourceVersion.
func (c *Client) Update(ctx context.Context, path string, object, into any) error {
	return c.send(ctx, call{verb: "update", method: http.MethodPut, path: path}, object, into)
}

func (c *Client) send(ctx context.Context, k call, object, into any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("%s %s: %w", k.verb, objectAt(k.path), err)
	}
	defer clear(body)
	k.accept, k.contentType, k.body = asJSON, asJSON, body
	return c.do(ctx, k, into)
}

// Apply makes the fields of body, in JSON, those that manager owns of the object at path,
// which is made if it is not there: what manager owned and body does not have is gone. A
// field of another manager with another value is an ErrConflict, unless force takes it over.
func (c *Client) Apply(ctx context.Context, path, manager string, force bool, body []byte) error {
	return c.apply(ctx, path, manager, force, false, body)
}

// TryApply is Apply of which nothing stays: it says whether Apply would be let through.
func (c *Client) TryApply(ctx context.Context, path, manager string, force bool, body []byte) error {
	return c.apply(ctx, path, manager, force, true, body)
}

func (c *Client) apply(ctx context.Context, path, manager string, force, dry bool, body []byte) error {
	query := url.Values{"fieldManager": {manager}, "fieldValidation": {"Strict"}}
	if force {
		query.Set("force", "true")
	}
	if dry {
		query.Set("dryRun", "All")
	}
	return c.do(ctx, call{
		verb: "patch", method: http.MethodPatch, path: path, query: query,
		accept: asJSON, contentType: asApply, body: body,
	}, nil)
}

func (c *Client) do(ctx context.Context, k call, into any) error {
	resp, err := c.ask(ctx, k)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := httpclient.ReadAll(resp.Body, maxBody)
	defer clear(body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", k.verb, objectAt(k.path), transportError(ctx, err))
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil { // what the decoder says quotes the body
		return fmt.Errorf("%s %s: %w: the answer is not in the form of the API", k.verb, objectAt(k.path), ErrAnswer)
	}
	return nil
}

// ask sends a request, once more with another token if the first was refused. Its answer is
// a success.
func (c *Client) ask(ctx context.Context, k call) (*http.Response, error) {
	of := objectAt(k.path)
	if k.names != "" {
		of.Name = k.names
	}
	conn, err := c.connect()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k.verb, of, err)
	}
	token, err := conn.login.token(ctx, secret.Value{})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k.verb, of, err)
	}
	for again := false; ; again = true {
		resp, err := conn.send(ctx, k, token)
		if err != nil {
			return nil, fmt.Errorf("%s %s at %s: %w", k.verb, of, conn.server.Host, transportError(ctx, err))
		}
		if resp.StatusCode >= 200 && resp.StatusCode < 300 {
			return resp, nil
		}
		body, _ := httpclient.ReadAll(resp.Body, maxRefusal) // without it the status tells enough
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized && token.Len() > 0 && !again {
			if fresh, err := conn.login.token(ctx, token); err == nil && !fresh.Equal(token) {
				token = fresh
				continue
			}
		}
		return nil, refusal(k.verb, of, resp.StatusCode, body, resp.Header)
	}
}

func (conn *connection) send(ctx context.Context, k call, token secret.Value) (*http.Response, error) {
	u := conn.server.JoinPath(k.path)
	u.RawQuery = k.query.Encode()
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), bytes.NewReader(k.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", k.accept)
	if k.contentType != "" {
		req.Header.Set("Content-Type", k.contentType)
	}
	if token.Len() > 0 {
		req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	}
	if k.watch {
		return conn.watches.Do(req)
	}
	return conn.calls.Do(req)
}

// transportError keeps what callers branch on and what a person can act on.
func transportError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, httpclient.ErrAddressRefused):
		return httpclient.ErrAddressRefused
	case errors.Is(err, httpclient.ErrTooLarge):
		return fmt.Errorf("%w: longer than any object", ErrAnswer)
	default:
		if cause := httpclient.Cause(err); cause != "" {
			return errors.New(cause)
		}
		return secret.Scrub(err)
	}
}
