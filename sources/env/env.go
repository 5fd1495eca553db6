// Package env reads keys from livekey's own environment: env://NAME. That
// environment is fixed when the process starts, so a key from it never rotates
// without a restart; it is for one-off checks and for CI.
package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// Source is the environment as it was when the Source was made.
type Source struct {
	variables map[string]secret.Value
}

// Settings are those of an entry, for whoever describes the config: none.
func Settings() any { return struct{}{} }

// FromConfig takes no settings. It captures the environment.
func FromConfig(_ sources.Env, settings config.Node) (sources.Source, error) {
	if err := settings.Decode(&struct{}{}); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	s := &Source{variables: make(map[string]secret.Value)}
	for _, variable := range os.Environ() {
		if name, _, ok := strings.Cut(variable, "="); ok {
			s.variables[name] = secret.New([]byte(variable[len(name)+1:]))
		}
	}
	return s, nil
}

// Fetch returns the value of the variable loc.Path. One that is unset or empty is not found.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	if err := ctx.Err(); err != nil {
		return sources.Record{}, fmt.Errorf("read variable %s: %w", loc.Path, err)
	}
	value, ok := s.variables[loc.Path]
	switch {
	case !ok:
		return sources.Record{}, fmt.Errorf("read variable %s: it is unset in the environment that livekey was started with: %w", loc.Path, key.ErrNotFound)
	case value.Len() == 0:
		return sources.Record{}, fmt.Errorf("read variable %s: it is set, but empty: %w", loc.Path, key.ErrNotFound)
	}
	return sources.Record{Data: value}, nil
}

// Variables are those that the records are in.
func (s *Source) Variables(locs []key.Location) []string {
	names := make([]string, len(locs))
	for i, loc := range locs {
		names[i] = loc.Path
	}
	return names
}

var legalName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Lint refuses what cannot be the name of a variable, versions and unknown parameters.
func (s *Source) Lint(ref key.Ref) error {
	var faults []error
	if !legalName.MatchString(ref.Path) {
		faults = append(faults, fmt.Errorf("%q cannot be a variable: write env://NAME, of letters, digits and _", ref.Path))
	}
	if ref.Version != "" {
		faults = append(faults, errors.New("the environment has no versions: leave ?version= out"))
	}
	return errors.Join(append(faults, sources.LintParams(ref))...)
}
