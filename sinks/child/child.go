// Package child is the sink of `livekey exec`: the environment of the program that
// livekey runs. No config names it.
package child

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/supervise"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

// longest is how many bytes Linux lets NAME=value have, with the zero at its end.
const longest = 128 << 10

// Sink hands over what a child is to have. It has no Read: an environment lies in the
// child, which may change it, and is never read back; what is compared is what was handed over.
type Sink struct {
	name string
	hand func(supervise.Keys)
	has  supervise.Keys
}

// New makes a sink that hands its content over to hand, which must not block.
func New(name string, hand func(supervise.Keys)) *Sink { return &Sink{name: name, hand: hand} }

// Probe has nothing to see: a variable can always be handed over.
func (s *Sink) Probe(context.Context) error { return nil }

// Carries refuses what no environment can hold.
func (s *Sink) Carries(variable string, v secret.Value) error {
	switch {
	case !place.Variable(variable):
		return errors.New("is no name of a variable")
	case v.Len() == 0:
		return fmt.Errorf("%s is empty", variable)
	case len(variable)+1+v.Len()+1 > longest:
		return fmt.Errorf("%s has %d bytes, more than a variable can have", variable, v.Len())
	case slices.Contains(v.Reveal(), 0):
		return fmt.Errorf("%s has a NUL, which ends a variable", variable)
	}
	return nil
}

// Write hands entries over as the whole of what a child is to have. That a child came up
// with them is another matter.
func (s *Sink) Write(ctx context.Context, entries []sinks.Entry) (changed bool, err error) {
	return place.Write(ctx, s.name, entries, s.Carries, func(d place.Delivery) (bool, error) {
		keys := supervise.Keys{
			Versions: map[key.Name]key.Fingerprint{},
			Pairs:    func() []string { return pairs(d.Values) },
		}
		for _, e := range entries {
			m := e.From.Material()
			keys.Versions[m.Key] = m.Fingerprint
		}
		if keys.Same(s.has) {
			return false, nil
		}
		s.has = keys
		s.hand(keys)
		return true, nil
	})
}

func pairs(values map[string]secret.Value) []string {
	all := make([]string, 0, len(values))
	for _, variable := range slices.Sorted(maps.Keys(values)) {
		all = append(all, variable+"="+string(values[variable].Reveal()))
	}
	return all
}
