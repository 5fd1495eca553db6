// Package kubernetesevents is the channel kubernetes_events: an alert about a key of a Secret
// becomes an Event on that Secret, where `kubectl describe secret` and whoever collects Events
// show it. What is about no Secret becomes one on livekey's own pod.
package kubernetesevents

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
)

// repeat is how often what is open is told again: a cluster forgets its Events, after an hour
// for the most part.
const repeat = 30 * time.Minute

type settings struct {
	kube.Config `yaml:",inline"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// object is what an Event is about.
type object struct{ kind, namespace, name string }

type channel struct {
	env     alerts.Env
	client  *kube.Client
	secrets map[key.Name][]string // NAMESPACE/NAME, or NAME
	pod     object                // livekey's own; without a name where it is in none
}

// FromConfig makes the channel that node describes.
func FromConfig(env alerts.Env, node config.Node) (alerts.Channel, error) {
	var set settings
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	c := &channel{
		env: env, client: kube.New(set.Config, env.HTTP), secrets: map[key.Name][]string{},
		pod: object{"Pod", os.Getenv("POD_NAMESPACE"), os.Getenv("POD_NAME")}, // by the downward API
	}
	if env.Places != nil {
		c.secrets = env.Places("kubernetes")
	}
	return c, set.Check(node)
}

// Repeat is how often what is open is told again.
func (*channel) Repeat() time.Duration { return repeat }

// Send writes one Event for each Secret of the alert's key, or replaces the one there is.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	var errs []error
	for _, of := range c.about(a.Data.Key) {
		if err := c.tell(ctx, of, a); err != nil {
			errs = append(errs, fmt.Errorf("send alert to %s: %w", cmp.Or(c.env.Name, "kubernetes_events"), err))
		}
	}
	return worst(errs)
}

// about is what an alert of this key is an Event on; nothing if livekey is in no pod and the
// key comes from elsewhere.
func (c *channel) about(name key.Name) (all []object) {
	for _, path := range c.secrets[name] {
		namespace, secret, both := strings.Cut(path, "/")
		if !both {
			namespace, secret = "", path
		}
		all = append(all, object{"Secret", namespace, secret})
	}
	if len(all) == 0 && c.pod.name != "" {
		all = append(all, c.pod)
	}
	return all
}

// worst is nil, or all errors: final only if each is.
func worst(errs []error) error {
	passing := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, alerts.ErrRefused) })
	if len(passing) > 0 {
		return errors.Join(passing...)
	}
	return errors.Join(errs...)
}

// tell writes one Event. One that another livekey has written meanwhile is read again once.
func (c *channel) tell(ctx context.Context, of object, a alerts.Alert) error {
	if of.namespace == "" {
		namespace, err := c.client.Namespace()
		if err != nil {
			return err
		}
		of.namespace = namespace
	}
	err := c.write(ctx, of, a)
	if errors.Is(err, kube.ErrConflict) {
		err = c.write(ctx, of, a)
	}
	refused, ok := errors.AsType[*kube.Error](err)
	switch {
	case !ok:
		return err
	case refused.After > 0:
		return &alerts.RetryError{After: refused.After, Err: err}
	case errors.Is(err, kube.ErrInvalid):
		return fmt.Errorf("%w: %w", err, alerts.ErrRefused)
	}
	return err
}

func (c *channel) write(ctx context.Context, of object, a alerts.Alert) error {
	collection := "/api/v1/namespaces/" + of.namespace + "/events"
	told := compose(of, a)
	path := collection + "/" + told.Metadata.Name
	var before event
	switch err := c.client.Get(ctx, path, &before); {
	case errors.Is(err, kube.ErrNotFound):
		if told.Involved.UID, err = c.uid(ctx, of); err != nil {
			return err
		}
		return c.client.Create(ctx, collection, told, nil)
	case err != nil:
		return err
	}
	told.follow(before)
	return c.client.Update(ctx, path, told, nil)
}

// uid is that of a Secret: by it kubectl finds its Events. It is missing where the Secret is,
// or where livekey may not read it.
func (c *channel) uid(ctx context.Context, of object) (string, error) {
	if of.kind != "Secret" {
		return os.Getenv("POD_UID"), nil
	}
	var s struct {
		Metadata kube.Metadata `json:"metadata"`
	}
	err := c.client.Get(ctx, kube.SecretPath(of.namespace, of.name), &s)
	if errors.Is(err, kube.ErrNotFound) || errors.Is(err, kube.ErrForbidden) {
		return "", nil
	}
	return s.Metadata.UID, err
}
