// Package pagerduty opens and resolves incidents by PagerDuty's Events API v2.
package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/internal/post"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

// Where events are sent. Accounts in Europe have https://events.eu.pagerduty.com.
const (
	defaultEndpoint = "https://events.pagerduty.com"
	enqueue         = "/v2/enqueue"
)

type settings struct {
	RoutingKeyFile string        `yaml:"routing_key_file"`
	Endpoint       string        `yaml:"endpoint"`
	CAFile         string        `yaml:"ca_file"`
	Timeout        time.Duration `yaml:"timeout"`
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
	set := settings{Endpoint: defaultEndpoint, Timeout: post.DefaultTimeout}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	var faults []error
	if set.RoutingKeyFile == "" {
		faults = append(faults, node.Fault("routing_key_file", "required: a file with the integration key of a service, of its integration Events API v2"))
	}
	if why := post.WrongURL(set.Endpoint, false); why != "" {
		faults = append(faults, node.Fault("endpoint", "%s", why))
	}
	if why := post.WrongTimeout(set.Timeout); why != "" {
		faults = append(faults, node.Fault("timeout", "%s", why))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &channel{name: env.Name, set: set, client: post.Client{
		Factory: env.HTTP, Check: "routing_key_file and endpoint",
		Options: httpclient.Options{CAFile: set.CAFile, Timeout: set.Timeout},
	}}, nil
}

// Send triggers or resolves the incident of a.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "pagerduty"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	key, err := post.Credential("routing_key_file", c.set.RoutingKeyFile)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "livekey"
	}
	e := compose(a, host)
	e.RoutingKey = string(key.Reveal())
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	req, err := post.Request(ctx, strings.TrimSuffix(c.set.Endpoint, "/")+enqueue, body)
	if err != nil {
		return err
	}
	return c.client.Do(req)
}
