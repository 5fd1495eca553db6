// Package kubernetessecret is the sink kubernetes_secret: entries of one Secret of a cluster,
// one for each variable. It owns these entries by server-side apply, in one request, and
// leaves every other field of the Secret alone.
package kubernetessecret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

const (
	// Manager is whom the API server knows as the owner of livekey's fields.
	Manager = "livekey"

	// Marker is the annotation that makes a Secret livekey's: it names the variables in it.
	Marker = "livekey.dev/variables"

	// prober is who asks whether a write would be let through: it owns nothing.
	prober = "livekey-probe"

	// maxSize is what all entries of a Secret may have together.
	maxSize = 1 << 20
)

type settings struct {
	kube.Config `yaml:",inline"`

	Name        string            `yaml:"name"`
	Type        string            `yaml:"type"` // Opaque unless said
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
	Adopt       bool              `yaml:"adopt"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Sink is one Secret. It is a sinks.Sink, Reader, Carrier and Placer.
type Sink struct {
	settings

	env    sinks.Env
	client *kube.Client
}

// FromConfig makes the sink of one entry under sinks:. It does no I/O.
func FromConfig(env sinks.Env, n config.Node) (sinks.Sink, error) {
	s := &Sink{env: env}
	if err := n.Decode(&s.settings); err != nil {
		return nil, err
	}
	s.client = kube.New(s.Config, env.HTTP)
	faults := []error{s.Check(n)}
	if err := kube.CheckName(s.Name); err != nil {
		faults = append(faults, n.Fault("name", "must be the name of the Secret: %v", err))
	}
	if _, taken := s.Annotations[Marker]; taken {
		faults = append(faults, n.Fault("annotations", "%s is livekey's own", Marker))
	}
	return s, errors.Join(faults...)
}

// Path names the Secret: kubernetes:NAMESPACE/NAME, without the namespace where the config
// says none.
func (s *Sink) Path() string {
	if s.Namespace == "" {
		return "kubernetes:" + s.Name
	}
	return "kubernetes:" + s.Namespace + "/" + s.Name
}

// Carries says why v cannot be an entry. Its bytes may be anything.
func (s *Sink) Carries(variable string, v secret.Value) error {
	switch {
	case !place.Variable(variable):
		return fmt.Errorf("%s in a Secret: is no legal name of an environment variable", variable)
	case v.Len() == 0:
		return fmt.Errorf("%s in a Secret: the value is empty", variable)
	case v.Len() > maxSize:
		return fmt.Errorf("%s in a Secret: the value has %d bytes, and a whole Secret may have 1 MiB", variable, v.Len())
	}
	return nil
}

// object is where the API has the Secret.
func (s *Sink) object() (path, namespace string, err error) {
	namespace, err = s.client.Namespace()
	return kube.SecretPath(namespace, s.Name), namespace, err
}

// present is the Secret as it is now.
type present struct {
	exists bool
	kube.Secret
}

func (s *Sink) look(ctx context.Context, path string) (present, error) {
	p := present{exists: true}
	err := s.client.Get(ctx, path, &p.Secret)
	if errors.Is(err, kube.ErrNotFound) {
		return present{}, nil
	}
	return p, err
}

// names are the variables that livekey wrote, if it is livekey's.
func (p present) names() (names []string, marked bool) {
	text, marked := p.Metadata.Annotations[Marker]
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' }), marked
}

// values are the entries of these names that are there.
func (p present) values(names []string) map[string]secret.Value {
	found := make(map[string]secret.Value, len(names))
	for _, name := range names {
		if v, ok := p.Data[name]; ok {
			found[name] = v.Value
		}
	}
	return found
}

// Read returns the entries that livekey wrote, or of a Secret that is not marked all that
// could be variables.
func (s *Sink) Read(ctx context.Context) (sinks.Content, error) {
	path, _, err := s.object()
	if err != nil {
		return sinks.Content{}, err
	}
	p, err := s.look(ctx, path)
	if err != nil {
		return sinks.Content{}, err
	}
	names, marked := p.names()
	if !marked {
		names = slices.DeleteFunc(slices.Collect(maps.Keys(p.Data)), func(name string) bool { return !place.Variable(name) })
	}
	values := p.values(names)
	return sinks.Content{Exists: p.exists && (marked || len(values) > 0), Marked: marked, Values: values}, nil
}

// Probe reads the Secret, and asks whether a write would be let through, by one that changes
// nothing. Whose the entries are only a write can tell.
func (s *Sink) Probe(ctx context.Context) error {
	path, namespace, err := s.object()
	if err != nil {
		return err
	}
	p, err := s.look(ctx, path)
	if err != nil {
		return err
	}
	if err := s.fits(p); err != nil {
		return err
	}
	body, err := s.body(namespace, nil)
	if err != nil {
		return err
	}
	return s.explain(s.client.TryApply(ctx, path, prober, true, body))
}

// fits says what no write can change.
func (s *Sink) fits(p present) error {
	if p.exists && s.Type != "" && p.Type != s.Type {
		return fmt.Errorf("%s is of type %s, and a Secret keeps its type: say type: %s, or another name", s.Path(), p.Type, p.Type)
	}
	return nil
}

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Reader  = (*Sink)(nil)
	_ sinks.Carrier = (*Sink)(nil)
	_ sinks.Placer  = (*Sink)(nil)
)
