package main

import (
	"bufio"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator/catalog"
)

// surroundings are variables among which keys are looked for, of one place.
type surroundings struct {
	where  string // "env file /srv/app/.env"
	names  []string
	places map[string]place // of those that a file has
	ref    func(variable string) key.Ref
	lookup func(variable string) string // of what says how an issuer is asked, which is no secret
}

// ofEnvironment takes the variables that livekey itself was started with.
func (a *app) ofEnvironment(s subject, where string) (inquiry, error) {
	return a.ofVariables(s, inEnvironment(where))
}

// inEnvironment are the variables that livekey itself was started with.
func inEnvironment(where string) surroundings {
	in := surroundings{where: where, lookup: os.Getenv, ref: func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: "env", Path: variable}}
	}}
	for _, pair := range os.Environ() {
		if name, value, found := strings.Cut(pair, "="); found && value != "" {
			in.names = append(in.names, name)
		}
	}
	return in
}

// ofEnvFile takes the variables of an env file that a provider's file names, or
// that the caller does.
func (a *app) ofEnvFile(s subject) (inquiry, error) {
	in, err := inEnvFile(s.envFile, s.names)
	if err != nil {
		return inquiry{}, err
	}
	return a.ofVariables(s, in)
}

// inEnvFile are the variables of an env file. wanted are names that the caller said.
func inEnvFile(file string, wanted []string) (surroundings, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return surroundings{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return surroundings{}, misused("read env file: %v", err)
	}
	in := surroundings{where: "env file " + path, places: map[string]place{}}
	in.ref = func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: "file", Path: path, Params: sources.FormatParam + "=env"}, Field: variable}
	}
	content := secret.New(text)
	in.lookup = func(variable string) string { return normalize.Setting(content, variable) }
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxStdin)
	for n := 1; lines.Scan(); n++ {
		name := normalize.Assigned(lines.Bytes())
		if name == "" || padding(lines.Bytes()) && !knownVariable(name) && !slices.Contains(wanted, name) {
			continue
		}
		in.names = append(in.names, name)
		in.places[name] = place{path, n}
	}
	if err := lines.Err(); err != nil {
		return surroundings{}, misused("read env file %s: %v", path, err)
	}
	return in, nil
}

// padding says whether an assignment has no more than the last line of a PEM has:
// a word and what fills base64 up, so that the word may be part of a key.
func padding(line []byte) bool {
	_, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("="))
	return len(value) == 0 || string(value) == "="
}

// knownVariable says whether a variable's exact name has keys that a provider proves.
func knownVariable(name string) bool { return catalog.Builtin().Known(name) }

// ofVariables keeps those that the caller names or, if none is named, those whose
// exact names have keys of a known provider.
func (a *app) ofVariables(s subject, in surroundings) (inquiry, error) {
	for _, name := range s.names {
		if !slices.Contains(in.names, name) {
			return inquiry{}, misused("the %s has no %s%s", in.where, config.Shown(name), didYouMean(name, suggestible(in.names), ""))
		}
	}
	var said []report.Checked
	keys := map[key.Name]subjectKey{}
	for _, variable := range in.names {
		named := slices.Contains(s.names, variable)
		if !named && (len(s.names) > 0 || !knownVariable(variable)) {
			continue
		}
		k, complete, err := in.together(variable)
		if _, again := keys[k.name]; again || !complete && !named {
			continue
		}
		if err != nil && !named {
			said = append(said, report.Checked{Name: k.name, Provider: k.provider, Reason: key.Misconfigured, Detail: err.Error()})
			continue
		}
		keys[k.name] = k
	}
	if len(keys) == 0 && len(said) == 0 {
		return inquiry{}, misused("the %s has no variable that belongs to a known provider: name one, or see `livekey providers`", in.where)
	}
	of, err := a.standalone(s, slices.Collect(maps.Values(keys))...)
	of.said = said
	for _, c := range said {
		if at, ok := in.places[string(c.Name)]; ok {
			of.places[c.Name] = at
		}
	}
	return of, err
}

// together is the key that has variable: with the others beside it that belong to the same
// provider, where its keys have several parts, and with what the variables beside it say
// of how its issuer is asked. complete says whether all parts are there; err, why it cannot
// be asked.
func (in surroundings) together(variable string) (k subjectKey, complete bool, err error) {
	k = alone(variable, in.ref(variable))
	k.at = in.places[variable]
	c := catalog.Builtin()
	id, err := c.Resolve([]string{variable})
	if err != nil || id == "" {
		return k, true, nil // a prefix of the value may tell
	}
	provider, err := c.Lookup(id)
	if err != nil {
		return k, true, nil
	}
	k.provider = id
	k.baseURL, k.with = provider.FromEnvironment(in.lookup)
	if _, several := provider.PartOf(variable); several {
		k.name, k.env, k.from = "", map[string]key.Part{}, map[key.Part]key.Ref{}
		for _, name := range provider.Info().Variables {
			part, _ := provider.PartOf(name)
			if _, taken := k.from[part]; taken || !slices.Contains(in.names, name) {
				continue
			}
			if k.name == "" {
				k.name, k.at = key.Name(name), in.places[name]
			}
			k.env[name], k.from[part] = part, in.ref(name)
		}
		if provider.CheckParts(slices.Collect(maps.Keys(k.from))) != nil {
			return k, false, nil
		}
	}
	return k, true, unaskable(provider, k)
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
