// Package post is what the channels that speak HTTP share: how a request is sent,
// what an answer means, and how a credential is read.
package post

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

// Bounds of the setting timeout. A receiver that does the work before it answers
// is asked again.
const (
	DefaultTimeout = 10 * time.Second
	MaxTimeout     = time.Minute
)

// Client sends to one receiver. It makes its http.Client for the first request,
// so that constructors do no I/O.
type Client struct {
	Factory *httpclient.Factory
	Options httpclient.Options
	Check   string // which settings are wrong if the receiver refuses: "url and secret_file"

	mu     sync.Mutex
	client *http.Client
}

// Do sends req and returns nil for an answer of 2xx. Nothing of the answer but
// its status and Retry-After is used, and nothing of req is in an error.
func (c *Client) Do(req *http.Request) error {
	client, err := c.connect()
	if err != nil {
		return secret.Scrub(err)
	}
	resp, err := client.Do(req) // #nosec G704 -- the config says where
	if err != nil {
		if ctx := req.Context(); ctx.Err() != nil {
			return ctx.Err()
		}
		return secret.Scrub(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = httpclient.ReadAll(resp.Body, httpclient.MaxProviderBody) // so that the connection is used again
	return judge(resp.StatusCode, resp.Header, time.Now(), c.Check)
}

func (c *Client) connect() (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	client, err := c.Factory.Client(c.Options)
	if err == nil {
		c.client = client
	}
	return client, err
}

// Request makes a request of a body that is JSON.
func Request(ctx context.Context, address string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", secret.Scrub(err))
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// WrongURL says what is wrong with an address, without quoting it: its path is a
// credential at many receivers. plain lets it be unencrypted.
func WrongURL(text string, plain bool) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "required: where alerts are sent, https://…"
	case err != nil || u.Hostname() == "":
		return "not a URL such as https://hooks.example.com/livekey"
	case u.User != nil:
		return "must not have a user or password in it"
	case u.Scheme == "https" || u.Scheme == "http" && (plain || httpclient.Loopback(u.Hostname())):
		return ""
	case u.Scheme == "http":
		return "unencrypted, and the host is not this machine; write https://"
	}
	return "must begin with https://"
}

// WrongTimeout says what is wrong with a timeout, if something is.
func WrongTimeout(d time.Duration) string {
	if d <= 0 || d > MaxTimeout {
		return "must be more than 0s and at most " + MaxTimeout.String()
	}
	return ""
}
