// Package exec reads keys through a program: a plug-in that speaks JSON, or any
// tool that prints a value, such as `op read`. docs/exec.md has the protocol.
package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// protocol is how livekey and a program talk.
type protocol string

const (
	protocolJSON protocol = "json" // request on stdin, response on stdout
	protocolRaw  protocol = "raw"  // what it prints is the record
)

// Words are the legal ones.
func (protocol) Words() []string { return []string{string(protocolJSON), string(protocolRaw)} }

// place stands in an argument for the path of a location.
const place = "{path}"

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = 20 * time.Second // the engine waits no longer for a read

	// defaultRefresh is slow, because a program costs a process, and for the most
	// part a call to a service that counts them.
	defaultRefresh = 5 * time.Minute
)

// settings are those of an entry under sources: with kind exec.
type settings struct {
	Command  []string      `yaml:"command"`
	Protocol protocol      `yaml:"protocol"`
	Timeout  time.Duration `yaml:"timeout"` // of one read
	Refresh  time.Duration `yaml:"refresh"`
	Env      []string      `yaml:"env"`    // names of variables that the program gets
	Params   []string      `yaml:"params"` // names of parameters of from: that the program knows
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Source is one program.
type Source struct {
	set     settings
	command command.Command
}

// FromConfig makes a Source. Whether the program is there is seen by the first Fetch.
func FromConfig(_ sources.Env, node config.Node) (sources.Source, error) {
	set := settings{Protocol: protocolJSON, Timeout: defaultTimeout, Refresh: defaultRefresh}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	s := &Source{set: set, command: command.Command{Argv: set.Command, Inherit: set.Env, Timeout: set.Timeout}}
	return s, errors.Join(s.faults(node)...)
}

func (s *Source) faults(node config.Node) (faults []error) {
	fault := func(field, format string, args ...any) {
		faults = append(faults, node.Fault(field, format, args...))
	}
	if err := (command.Command{Argv: s.set.Command}).Lint(); err != nil {
		fault("command", "%v", err)
	} else if strings.Contains(s.set.Command[0], place) {
		fault("command", "names its program by %s: which program runs is said here alone", place)
	}
	if err := s.command.Lint(); err != nil && len(faults) == 0 {
		fault("env", "%v", err)
	}
	if s.set.Protocol == protocolRaw && len(s.set.Params) > 0 {
		fault("params", "only protocol: json hands parameters to the program")
	}
	if s.set.Timeout <= 0 || s.set.Timeout > maxTimeout {
		fault("timeout", "must be more than 0s and at most %s", maxTimeout)
	}
	if s.set.Refresh <= 0 {
		fault("refresh", "must be more than 0s")
	}
	return faults
}

// Fetch runs the program once for loc.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	r, err := s.fetch(ctx, loc)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	return r, nil
}

func (s *Source) fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	if err := s.Lint(key.Ref{Location: loc}); err != nil {
		return sources.Record{}, err
	}
	c := s.command
	c.Argv = slices.Clone(c.Argv)
	for i, arg := range c.Argv {
		c.Argv[i] = strings.ReplaceAll(arg, place, loc.Path)
	}
	if s.set.Protocol == protocolRaw {
		got, err := c.Run(ctx, nil)
		if err != nil {
			return sources.Record{}, err
		}
		return raw(got)
	}
	got, err := c.Run(ctx, request(loc))
	if err != nil {
		return sources.Record{}, err
	}
	return respond(got, loc.Version)
}

// raw is what a tool printed, byte for byte: a newline at its end is part of it.
func raw(got command.Result) (sources.Record, error) {
	switch {
	case got.Exit != 0:
		return sources.Record{}, got.Failure()
	case got.Output.Len() == 0:
		return sources.Record{}, fmt.Errorf("the program printed nothing: %w", key.ErrNotFound)
	}
	return sources.Record{Data: got.Output}, nil
}

// Variables are those that the program gets.
func (s *Source) Variables([]key.Location) []string { return s.set.Env }

// Refresh is how often the program runs for each location.
func (s *Source) Refresh() time.Duration { return s.set.Refresh }

// Lint refuses a path that the program could take for an option, and what its
// protocol cannot say.
func (s *Source) Lint(ref key.Ref) error {
	var faults []error
	leads := slices.ContainsFunc(s.set.Command, func(arg string) bool { return strings.HasPrefix(arg, place) })
	switch {
	case strings.ContainsRune(ref.Path, 0):
		faults = append(faults, errors.New("a path cannot hold a NUL"))
	case ref.Path == "" && slices.ContainsFunc(s.set.Command, func(arg string) bool { return strings.Contains(arg, place) }):
		faults = append(faults, fmt.Errorf("the path is missing, which the command needs for %s", place))
	case leads && strings.HasPrefix(ref.Path, "-"):
		faults = append(faults, fmt.Errorf("the program would take %s for an option: a path that an argument begins with cannot begin with -", ref.Path))
	}
	if s.set.Protocol == protocolRaw && ref.Version != "" {
		faults = append(faults, errors.New("protocol: raw has no versions: leave ?version= out"))
	}
	return errors.Join(append(faults, sources.LintParams(ref, s.set.Params...))...)
}
