// Package kubernetes reads keys from Secrets of a Kubernetes cluster, and watches them:
//
//	kubernetes://prod/llm#ANTHROPIC_API_KEY    namespace prod, Secret llm, its entry
//	kubernetes://llm#ANTHROPIC_API_KEY         in the namespace of the pod or of the kubeconfig's context
//
// A record is one JSON object of all entries, decoded, so that the parts of a key come from
// one read. An entry that is no UTF-8 stays in base64, as {"base64": "…"}.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/sources"
)

// refresh is how often a Secret is read that is watched too: for a watch that nobody knows
// to be broken.
const refresh = time.Minute

type settings struct {
	kube.Config `yaml:",inline"`

	Annotate bool `yaml:"annotate"` // keep what is known of the keys of a Secret on it
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Source reads from one cluster.
type Source struct {
	env      sources.Env
	client   *kube.Client
	annotate bool
}

// FromConfig checks the settings of a source. It does no I/O.
func FromConfig(env sources.Env, node config.Node) (sources.Source, error) {
	var s settings
	if err := node.Decode(&s); err != nil {
		return nil, err
	}
	return &Source{env: env, client: kube.New(s.Config, env.HTTP), annotate: s.Annotate}, s.Check(node)
}

// Fetch reads one Secret. Its errors wrap key.ErrNotFound or one of package kube's, and say
// what to do.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	path, err := s.path(loc)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	var found kube.Secret
	err = s.client.Get(ctx, path, &found)
	refused, _ := errors.AsType[*kube.Error](err)
	switch {
	case errors.Is(err, kube.ErrNotFound):
		return sources.Record{}, fmt.Errorf("read %s: no such Secret, or no such namespace: %w", loc, key.ErrNotFound)
	case err != nil && refused != nil && refused.After > 0:
		return sources.Record{}, &sources.RetryError{After: refused.After, Err: fmt.Errorf("read %s: %w", loc, err)}
	case err != nil:
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	return sources.Record{Data: record(found.Data)}, nil
}

// Refresh is how often a Secret is read although it is watched.
func (*Source) Refresh() time.Duration { return refresh }

// Lint says what is wrong with a location without asking the cluster.
func (*Source) Lint(ref key.Ref) error {
	_, _, err := split(ref.Path)
	if ref.Version != "" {
		err = errors.Join(err, errors.New("a Secret has no versions: leave ?version= out"))
	}
	return errors.Join(err, sources.LintParams(ref))
}

// path is where the API has what loc means.
func (s *Source) path(loc key.Location) (string, error) {
	if err := s.Lint(key.Ref{Location: loc}); err != nil {
		return "", err
	}
	namespace, name, err := split(loc.Path)
	if err == nil && namespace == "" {
		namespace, err = s.client.Namespace()
	}
	return kube.SecretPath(namespace, name), err
}

// split reads NAMESPACE/NAME, or NAME.
func split(path string) (namespace, name string, err error) {
	name = path
	if before, after, both := strings.Cut(path, "/"); both {
		namespace, name = before, after
		err = kube.CheckNamespace(namespace)
	}
	if err := errors.Join(err, kube.CheckName(name)); err != nil {
		return "", "", fmt.Errorf("the path must be a namespace and a Secret, such as prod/llm, or a Secret alone: %w", err)
	}
	return namespace, name, nil
}

var (
	_ sources.Source  = (*Source)(nil)
	_ sources.Watcher = (*Source)(nil)
	_ sources.Linter  = (*Source)(nil)
	_ sources.Pacer   = (*Source)(nil)
	_ sources.Noter   = (*Source)(nil)
)
