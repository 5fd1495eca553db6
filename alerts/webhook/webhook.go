// Package webhook sends alerts by HTTP, signed as Standard Webhooks 1.0.0 says
// (https://www.standardwebhooks.com).
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

// Bounds of the setting timeout. A receiver that does the work before it answers
// is asked again, and is told so by the same webhook-id.
const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Minute
)

type settings struct {
	URL        string        `yaml:"url"`
	SecretFile string        `yaml:"secret_file"` // one whsec_… a line; each signs
	CAFile     string        `yaml:"ca_file"`
	Timeout    time.Duration `yaml:"timeout"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

type channel struct {
	name string
	set  settings
	http *httpclient.Factory

	mu     sync.Mutex
	client *http.Client // made by the first Send: constructors do no I/O
}

// FromConfig makes the channel that node describes.
func FromConfig(env alerts.Env, node config.Node) (alerts.Channel, error) {
	set := settings{Timeout: defaultTimeout}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	var faults []error
	if why := wrongURL(set.URL); why != "" {
		faults = append(faults, node.Fault("url", "%s", why))
	}
	if set.SecretFile == "" {
		faults = append(faults, node.Fault("secret_file", "required: a file with the whsec_… secret that the receiver verifies with"))
	}
	if set.Timeout <= 0 || set.Timeout > maxTimeout {
		faults = append(faults, node.Fault("timeout", "must be more than 0s and at most %s", maxTimeout))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &channel{name: env.Name, set: set, http: env.HTTP}, nil
}

// wrongURL says what is wrong with an address, without quoting it: its path is a
// credential at many receivers.
func wrongURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "required: where alerts are sent, https://…"
	case err != nil || u.Hostname() == "":
		return "not a URL such as https://hooks.example.com/livekey"
	case u.User != nil:
		return "must not have a user or password in it"
	case u.Scheme == "https" || u.Scheme == "http" && httpclient.Loopback(u.Hostname()):
		return ""
	case u.Scheme == "http":
		return "unencrypted, and the host is not this machine; write https://"
	}
	return "must begin with https://"
}

// Send posts a, signed now, and returns nil for an answer of 2xx. Nothing of the
// answer but its status and Retry-After is used.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "webhook"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	client, err := c.connect()
	if err != nil {
		return secret.Scrub(err)
	}
	keys, err := readSecrets(c.set.SecretFile)
	if err != nil {
		return err
	}
	req, err := c.request(ctx, a, keys, time.Now())
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return secret.Scrub(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = httpclient.ReadAll(resp.Body, httpclient.MaxProviderBody) // so that the connection is used again
	return judge(resp.StatusCode, resp.Header, time.Now())
}

func (c *channel) connect() (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	client, err := c.http.Client(httpclient.Options{CAFile: c.set.CAFile, Timeout: c.set.Timeout})
	if err == nil {
		c.client = client
	}
	return client, err
}

func (c *channel) request(ctx context.Context, a alerts.Alert, keys []secret.Value, now time.Time) (*http.Request, error) {
	a.Timestamp, a.Data.Since = a.Timestamp.UTC(), a.Data.Since.UTC()
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.set.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", secret.Scrub(err))
	}
	id := messageID(a)
	var signatures []string
	for _, k := range keys {
		signatures = append(signatures, sign(k, id, now, body))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", fmt.Sprint(now.Unix()))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	return req, nil
}

// messageID names one event of one alert: a receiver drops what it has seen, also
// when livekey was started again in between.
func messageID(a alerts.Alert) string {
	sum := sha256.Sum256([]byte(a.Data.ID + "\x00" + string(a.Type) + "\x00" + a.Timestamp.UTC().Format(time.RFC3339Nano)))
	return "msg_" + hex.EncodeToString(sum[:16])
}
