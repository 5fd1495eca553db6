package reload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// Hook tells a consumer by a call with the change as JSON. 2xx says that it heard.
type Hook struct {
	URL       string
	Method    string
	TokenFile string // with a bearer token; "": none is sent
	Timeout   time.Duration
	HTTP      *http.Client
	Health    Health
}

// told is the body of a call.
type told struct {
	Type      string    `json:"type"` // livekey.sink.changed
	Timestamp time.Time `json:"timestamp"`
	Sink      string    `json:"sink"`
	Path      string    `json:"path,omitempty"`
	Reason    Reason    `json:"reason"`
	Keys      []toldKey `json:"keys"`
}

type toldKey struct {
	Name        key.Name `json:"name"`
	Fingerprint string   `json:"fingerprint,omitempty"`
}

// Name names the host alone: the path may be a token.
func (h Hook) Name() string {
	if u, err := url.Parse(h.URL); err == nil {
		return "hook at " + u.Host
	}
	return "hook"
}

// Reload makes the call.
func (h Hook) Reload(ctx context.Context, c Change) (string, error) {
	body := told{Type: "livekey.sink.changed", Timestamp: c.At.UTC(), Sink: c.Sink, Path: c.Path, Reason: c.Reason, Keys: []toldKey{}}
	for i, name := range c.Keys {
		body.Keys = append(body.Keys, toldKey{name, c.Prints[i].String()})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("%w: encode change: %w", ErrUnasked, err)
	}
	bounded, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, h.Method, h.URL, bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnasked, secret.Scrub(err))
	}
	req.Header.Set("Content-Type", "application/json")
	if h.TokenFile != "" {
		token, err := readToken(h.TokenFile)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnasked, err)
		}
		req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token.Reveal())))
	}
	switch answered, err := call(h.HTTP, req); {
	case err != nil && !answered:
		return "", fmt.Errorf("%w: %w", ErrUnasked, err)
	case err != nil:
		return "", err
	}
	return "called", h.Health.ask(ctx)
}

// maxToken is what a file with a bearer token may have, in bytes.
const maxToken = 4 << 10

func readToken(path string) (secret.Value, error) {
	text, err := trusted.ReadCredential(path, maxToken)
	v := secret.New(text)
	if err != nil {
		return v, fmt.Errorf("read token_file: %w", err)
	}
	return v, nil
}

// maxAnswer is what of an answer is read, so that its connection can be used again.
const maxAnswer = 64 << 10

// call returns no error where the answer is 2xx, and else says whether there was one. An
// error names the host alone: the path may be a token.
func call(client *http.Client, req *http.Request) (answered bool, err error) {
	resp, err := client.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return false, fmt.Errorf("%s %s: %w", req.Method, req.URL.Host, secret.Scrub(err))
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = httpclient.ReadAll(resp.Body, maxAnswer)
	if resp.StatusCode/100 != 2 {
		return true, fmt.Errorf("%s answered with status %d", req.URL.Host, resp.StatusCode)
	}
	return true, nil
}
