// Package alertmanager tells a Prometheus Alertmanager, by its API v2. It forgets
// what it is not told again, so what is open is told again until it is resolved.
package alertmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/internal/post"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

const (
	endpoint      = "/api/v2/alerts"
	defaultRepeat = time.Minute
)

type settings struct {
	URLs         []string          `yaml:"urls"` // all members of a cluster
	Repeat       time.Duration     `yaml:"repeat"`
	Labels       map[string]string `yaml:"labels"` // further ones, to route by
	Username     string            `yaml:"username"`
	PasswordFile string            `yaml:"password_file"`
	TokenFile    string            `yaml:"token_file"`
	CAFile       string            `yaml:"ca_file"`
	Timeout      time.Duration     `yaml:"timeout"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

type channel struct {
	name   string
	log    *slog.Logger
	set    settings
	client post.Client
}

// FromConfig makes the channel that node describes.
func FromConfig(env alerts.Env, node config.Node) (alerts.Channel, error) {
	set := settings{Repeat: defaultRepeat, Timeout: post.DefaultTimeout}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	if err := errors.Join(set.faults(node)...); err != nil {
		return nil, err
	}
	return &channel{name: env.Name, log: env.Log, set: set, client: post.Client{
		Factory: env.HTTP, Check: "urls and credentials",
		Options: httpclient.Options{CAFile: set.CAFile, Timeout: set.Timeout},
	}}, nil
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (s *settings) faults(node config.Node) (faults []error) {
	fault := func(field, format string, args ...any) {
		faults = append(faults, node.Fault(field, format, args...))
	}
	if len(s.URLs) == 0 {
		fault("urls", "required: the addresses of Alertmanager, of each member of a cluster: [https://alertmanager.example.com]")
	}
	login := s.PasswordFile != "" || s.TokenFile != ""
	for _, address := range s.URLs {
		// Inside of a cluster it mostly has no TLS. An alert names keys and has no
		// value; a login is one.
		if why := post.WrongURL(address, !login); why != "" {
			fault("urls", "of one: %s", why)
		} else if u, err := url.Parse(address); err != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), endpoint) {
			fault("urls", "of one: more than the address that a browser opens; %s is added to it", endpoint)
		}
	}
	switch {
	case s.TokenFile != "" && (s.PasswordFile != "" || s.Username != ""):
		fault("token_file", "excludes username and password_file")
	case (s.Username == "") != (s.PasswordFile == ""):
		fault("username", "goes together with password_file")
	}
	own := labels(alerts.Alert{}, "")
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if _, taken := own[name]; taken || !labelName.MatchString(name) {
			fault("labels", "a name is livekey's own, or no name of a label: letters, digits and _")
		}
	}
	if s.Repeat < time.Second || s.Repeat > time.Hour {
		fault("repeat", "must be from 1s to 1h")
	}
	if why := post.WrongTimeout(s.Timeout); why != "" {
		fault("timeout", "%s", why)
	}
	return faults
}

// Repeat is how often what is open is told again.
func (c *channel) Repeat() time.Duration { return c.set.Repeat }

// Send tells every address at once. One that takes the alert is enough: another
// one hears of what is open with the next repetition, and of what is resolved
// by hearing of it no more.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "alertmanager"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	host, err := os.Hostname()
	if err != nil {
		host = "livekey"
	}
	body, err := json.Marshal([]postable{c.compose(a, host, time.Now())})
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	errs := make([]error, len(c.set.URLs))
	var all sync.WaitGroup
	for i, address := range c.set.URLs {
		all.Go(func() { errs[i] = c.tell(ctx, address, body) })
	}
	all.Wait()
	failed := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(failed) == len(errs) {
		return together(failed)
	}
	for i, err := range errs {
		if err != nil {
			c.log.WarnContext(ctx, "alert not sent to one of several", "channel", c.name, "number", i+1, "alert", a.Data.ID, "err", err)
		}
	}
	return nil
}

func (c *channel) tell(ctx context.Context, address string, body []byte) error {
	req, err := post.Request(ctx, strings.TrimSuffix(address, "/")+endpoint, body)
	if err != nil {
		return err
	}
	if err := c.login(req); err != nil {
		return err
	}
	return c.client.Do(req)
}

func (c *channel) login(req *http.Request) error {
	switch {
	case c.set.TokenFile != "":
		token, err := post.Credential("token_file", c.set.TokenFile)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	case c.set.PasswordFile != "":
		password, err := post.Credential("password_file", c.set.PasswordFile)
		if err != nil {
			return err
		}
		req.SetBasicAuth(c.set.Username, string(password.Reveal()))
	}
	return nil
}

// together is the error of an alert that nobody took. It is refused for good only
// if everybody refuses it, and is tried again when the first is ready for it.
func together(failed []error) error {
	var passing []error
	var soonest time.Duration
	for _, err := range failed {
		if errors.Is(err, alerts.ErrRefused) {
			continue
		}
		after := time.Duration(0)
		if later, ok := errors.AsType[*alerts.RetryError](err); ok {
			after = later.After
		}
		if len(passing) == 0 || after < soonest {
			soonest = after
		}
		passing = append(passing, err)
	}
	switch {
	case len(passing) == 0:
		return errors.Join(failed...)
	case soonest > 0:
		return &alerts.RetryError{After: soonest, Err: errors.Join(passing...)}
	}
	return errors.Join(passing...)
}
