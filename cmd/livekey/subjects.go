package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator/catalog"
)

const (
	stdinSource = "stdin"
	stdinName   = "stdin"
	maxStdin    = 1 << 20
)

// subjects is a config of the keys that `check` shall prove, and of nothing else.
func (a *app) subjects(s subject) (*config.Config, error) {
	switch {
	case s.stdin && s.provider == "":
		return nil, misused("say who issued the key: --stdin --provider NAME; `livekey providers` lists them")
	case s.stdin && len(s.names) > 0:
		return nil, misused("--stdin is one value: it takes no names")
	case !s.stdin && s.provider != "":
		return nil, misused("--provider is for --stdin")
	case s.stdin:
		return a.standalone(s, alone(stdinName, key.Ref{Location: key.Location{Source: stdinSource}}))
	case s.envFile != "":
		return a.ofEnvFile(s)
	}
	cfg, err := a.settings()
	if errors.Is(err, config.ErrNoConfig) {
		return a.ofEnvironment(s)
	}
	if err != nil {
		return nil, err
	}
	return only(cfg, s.names)
}

// only is cfg with the named keys, all if there is no name, and without sinks.
func only(cfg *config.Config, wanted []string) (*config.Config, error) {
	var known []string
	for name := range cfg.Keys {
		known = append(known, string(name))
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, misused("the config has no key %q%s", config.Shown(name), didYouMean(name, known, ""))
		}
	}
	c := *cfg
	c.Keys = map[key.Name]config.Key{}
	for name, k := range cfg.Keys {
		if len(wanted) == 0 || slices.Contains(wanted, string(name)) {
			c.Keys[name] = k
		}
	}
	c.Sinks, c.Alerts = nil, nil
	return &c, nil
}

// ofEnvFile takes the variables of an env file that a provider's file names, or
// that the caller does.
func (a *app) ofEnvFile(s subject) (*config.Config, error) {
	path, err := filepath.Abs(s.envFile)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, misused("read env file: %v", err)
	}
	defer func() { _ = f.Close() }()
	var variables []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxStdin)
	for lines.Scan() {
		name := normalize.Assigned(lines.Bytes())
		if name == "" || padding(lines.Bytes()) && !knownVariable(name) && !slices.Contains(s.names, name) {
			continue
		}
		variables = append(variables, name)
	}
	if err := lines.Err(); err != nil {
		return nil, misused("read env file %s: %v", path, err)
	}
	return a.ofVariables(s, "env file "+path, variables, func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: "file", Path: path, Params: sources.FormatParam + "=env"}, Field: variable}
	})
}

// padding says whether an assignment has no more than the last line of a PEM has:
// a word and what fills base64 up, so that the word may be part of a key.
func padding(line []byte) bool {
	_, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("="))
	return len(value) == 0 || string(value) == "="
}

// knownVariable says whether a variable's exact name has keys that a provider proves.
func knownVariable(name string) bool { return catalog.Builtin().Known(name) }

func (a *app) ofEnvironment(s subject) (*config.Config, error) {
	var variables []string
	for _, pair := range os.Environ() {
		if name, value, found := strings.Cut(pair, "="); found && value != "" {
			variables = append(variables, name)
		}
	}
	return a.ofVariables(s, "environment (there is no config)", variables, func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: "env", Path: variable}}
	})
}

// ofVariables keeps those that the caller names or, if none is named, those whose
// exact names belong to one provider.
func (a *app) ofVariables(s subject, where string, variables []string, ref func(string) key.Ref) (*config.Config, error) {
	for _, name := range s.names {
		if !slices.Contains(variables, name) {
			return nil, misused("the %s has no %s%s", where, config.Shown(name), didYouMean(name, suggestible(variables), ""))
		}
	}
	keys := map[key.Name]subjectKey{}
	for _, variable := range variables {
		if slices.Contains(s.names, variable) || len(s.names) == 0 && knownVariable(variable) {
			if k, ok := together(variable, variables, ref); ok || slices.Contains(s.names, variable) {
				keys[k.name] = k
			}
		}
	}
	if len(keys) == 0 {
		return nil, misused("the %s has no variable that belongs to a known provider: name one, or see `livekey providers`", where)
	}
	return a.standalone(s, slices.Collect(maps.Values(keys))...)
}

// subjectKey is a key that no config has: which variable carries which part, and where
// that is.
type subjectKey struct {
	name key.Name
	env  map[string]key.Part
	from map[key.Part]key.Ref
}

func alone(name string, ref key.Ref) subjectKey {
	return subjectKey{
		name: key.Name(name), env: map[string]key.Part{name: key.DefaultPart}, from: map[key.Part]key.Ref{key.DefaultPart: ref},
	}
}

// together is the key that has variable: with the others beside it that belong to the
// same provider, where its keys have several parts. ok says whether it is complete.
func together(variable string, variables []string, ref func(string) key.Ref) (k subjectKey, ok bool) {
	c := catalog.Builtin()
	id, err := c.Resolve([]string{variable})
	if err != nil || id == "" {
		return alone(variable, ref(variable)), true
	}
	provider, err := c.Lookup(id)
	if err != nil {
		return alone(variable, ref(variable)), true
	}
	if _, several := provider.PartOf(variable); !several {
		return alone(variable, ref(variable)), true
	}
	k = subjectKey{env: map[string]key.Part{}, from: map[key.Part]key.Ref{}}
	for _, name := range provider.Info().Variables {
		if part, _ := provider.PartOf(name); slices.Contains(variables, name) {
			if k.name == "" {
				k.name = key.Name(name)
			}
			k.env[name], k.from[part] = part, ref(name)
		}
	}
	return k, provider.CheckParts(slices.Collect(maps.Keys(k.from))) == nil
}

// shouted is the form of a name that is worth a suggestion: the last line of a PEM
// reads like an assignment too, and what stands before its "=" is no name.
var shouted = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// suggestible are the variables that may be printed though nobody named them.
func suggestible(variables []string) []string {
	return slices.DeleteFunc(slices.Clone(variables), func(name string) bool {
		return !knownVariable(name) && (!shouted.MatchString(name) || config.Shown(name) != name)
	})
}

// standalone is a config of keys that no config has.
func (a *app) standalone(s subject, keys ...subjectKey) (*config.Config, error) {
	cfg := config.Default(false)
	cfg.Keys = map[key.Name]config.Key{}
	cfg.Sources = map[string]config.Source{}
	for _, k := range keys {
		cfg.Keys[k.name] = config.Key{
			Name: k.name, Provider: s.provider, Trim: s.trim, Policy: cfg.Policy, Format: "plain", From: k.from, Env: k.env,
		}
		for _, ref := range k.from {
			if ref.Source != stdinSource {
				cfg.Sources[ref.Source] = config.Source{Name: ref.Source, Kind: ref.Source}
			}
		}
	}
	return cfg, nil
}

// stdin is the source of `check --stdin`: one record, read when it is asked for.
type stdin struct{ in io.Reader }

func (s stdin) Fetch(ctx context.Context, _ key.Location) (sources.Record, error) {
	type input struct {
		b   []byte
		err error
	}
	read := make(chan input, 1)
	go func() { // a terminal gives nothing until somebody ends a line, and cannot be told to stop
		b, err := io.ReadAll(io.LimitReader(s.in, maxStdin+1))
		read <- input{b, err}
	}()
	var b []byte
	select {
	case <-ctx.Done():
		return sources.Record{}, fmt.Errorf("read standard input: %w", ctx.Err())
	case in := <-read:
		if in.err != nil {
			return sources.Record{}, fmt.Errorf("read standard input: %w", in.err)
		}
		b = in.b
	}
	if len(b) > maxStdin {
		return sources.Record{}, errors.New("read standard input: more than 1 MiB is no key")
	}
	if len(b) == 0 {
		return sources.Record{}, fmt.Errorf("read standard input: %w: it is empty", key.ErrNotFound)
	}
	return sources.Record{Data: secret.New(b)}, nil
}
