// Package slack tells a chat, by an incoming webhook of Slack. What it sends is
// plain enough for Mattermost and Rocket.Chat.
package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/internal/post"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

type settings struct {
	URLFile string        `yaml:"url_file"` // whoever has the address may write to the chat: it is a credential
	CAFile  string        `yaml:"ca_file"`
	Timeout time.Duration `yaml:"timeout"`
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
	if set.URLFile == "" {
		faults = append(faults, node.Fault("url_file", "required: a file with the incoming webhook's address, https://hooks.slack.com/…, which is a credential"))
	}
	if why := post.WrongTimeout(set.Timeout); why != "" {
		faults = append(faults, node.Fault("timeout", "%s", why))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &channel{name: env.Name, set: set, client: post.Client{
		Factory: env.HTTP, Check: "url_file, and whether the chat's webhook was removed",
		Options: httpclient.Options{CAFile: set.CAFile, Timeout: set.Timeout},
	}}, nil
}

// Send posts one message about a.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "slack"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	address, err := post.Credential("url_file", c.set.URLFile)
	if err != nil {
		return err
	}
	if why := post.WrongURL(string(address.Reveal()), false); why != "" {
		return fmt.Errorf("read url_file %s: %s", c.set.URLFile, why)
	}
	body, err := json.Marshal(compose(a))
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	req, err := post.Request(ctx, string(address.Reveal()), body)
	if err != nil {
		return err
	}
	return c.client.Do(req)
}
