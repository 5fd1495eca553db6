// Package webhook sends alerts by HTTP, signed as Standard Webhooks 1.0.0 says
// (https://www.standardwebhooks.com).
package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/internal/post"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
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
	name   string
	set    settings
	client post.Client
}

// FromConfig makes the channel that node describes.
func FromConfig(env alerts.Env, node config.Node) (alerts.Channel, error) {
	set := settings{Timeout: post.DefaultTimeout}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	var faults []error
	if why := post.WrongURL(set.URL, false); why != "" {
		faults = append(faults, node.Fault("url", "%s", why))
	}
	if set.SecretFile == "" {
		faults = append(faults, node.Fault("secret_file", "required: a file with the whsec_… secret that the receiver verifies with"))
	}
	if why := post.WrongTimeout(set.Timeout); why != "" {
		faults = append(faults, node.Fault("timeout", "%s", why))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &channel{name: env.Name, set: set, client: post.Client{
		Factory: env.HTTP, Check: "url and secret_file",
		Options: httpclient.Options{CAFile: set.CAFile, Timeout: set.Timeout},
	}}, nil
}

// Send posts a, signed now, and returns nil for an answer of 2xx.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "webhook"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	keys, err := readSecrets(c.set.SecretFile)
	if err != nil {
		return err
	}
	req, err := c.request(ctx, a, keys, time.Now())
	if err != nil {
		return err
	}
	return c.client.Do(req)
}

func (c *channel) request(ctx context.Context, a alerts.Alert, keys []secret.Value, now time.Time) (*http.Request, error) {
	a.Timestamp, a.Data.Since = a.Timestamp.UTC(), a.Data.Since.UTC()
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	req, err := post.Request(ctx, c.set.URL, body)
	if err != nil {
		return nil, err
	}
	id := alerts.EventID(a)
	var signatures []string
	for _, k := range keys {
		signatures = append(signatures, sign(k, id, now, body))
	}
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", fmt.Sprint(now.Unix()))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	return req, nil
}
