package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/draft"
	"github.com/livekey/livekey/internal/key"
)

// Where keys may be, and who may read them, as `config init` calls it.
const (
	whereFound = "found"
	inFiles    = "files"
	inVault    = "vault"
	inAWS      = "awssm"
	inEnv      = "env"
	asFolder   = "directory" // beside the dialects of an env file
)

// readers are those who may read a sink, by the dialect of its file.
var readers = []choice{
	{"systemd", "a systemd service, through EnvironmentFile="},
	{"docker", "docker run --env-file"},
	{"dotenv", "an app that reads a .env file, or Compose"},
	{"shell", "a shell or a script that sources it"},
	{asFolder, "whoever reads one file for each variable"},
}

// interview is what becomes a config.
type interview struct {
	*asker
	sight
	dir    string // where the config will be
	run    string // the folder of what is delivered
	names  []string
	reader string // "" if nobody said it yet
	config draft.Config
}

// tellSight says what was found.
func (i *interview) tellSight() {
	i.tell("")
	i.tell("Found here:")
	for _, f := range i.finds {
		of := ""
		if f.service != "" {
			of = " (of " + f.service + ")"
		}
		i.item("%s%s: %s", f.where, of, strings.Join(f.variables(), ", "))
	}
	if i.vault.address != "" {
		i.item("Vault at %s", hostOf(i.vault.address))
	}
	if i.aws != (awsSight{}) {
		i.item("AWS: region %s, profile %s", orNone(i.aws.region), orNone(i.aws.profile))
	}
	if len(i.finds) == 0 {
		i.item("no variable of a provider that livekey knows")
	}
}

// hostOf is where an address leads, without what else could stand in it.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return "an address that is no URL"
}

func orNone(text string) string {
	if text == "" {
		return "not said"
	}
	return text
}

// ask goes through the questions and fills the config.
func (i *interview) ask(ctx context.Context) error {
	if err := i.askVariables(ctx); err != nil {
		return err
	}
	keys, err := i.askPlace(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(keys, func(a, b plannedKey) int { return strings.Compare(string(a.name), string(b.name)) })
	for _, k := range keys {
		i.config.Keys = append(i.config.Keys, k.entry())
	}
	return i.askReader(ctx)
}

var variableRule = regexp.MustCompile(config.VariableNames)

// listed splits what was typed. A value that was pasted is neither kept nor printed.
func listed(answer string) ([]string, error) {
	names := strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == ',' })
	for _, name := range names {
		if !variableRule.MatchString(name) || config.Shown(name) != name {
			return nil, errors.New("names of variables, such as ANTHROPIC_API_KEY; the key itself belongs into no config")
		}
	}
	if len(names) == 0 {
		return nil, errors.New("name at least one variable, such as ANTHROPIC_API_KEY")
	}
	return names, nil
}

func (i *interview) askVariables(ctx context.Context) error {
	if len(i.names) > 0 {
		if _, err := listed(strings.Join(i.names, " ")); err != nil {
			return misused("%w", err)
		}
		return nil
	}
	var all []string
	for _, f := range i.finds {
		all = append(all, f.variables()...)
	}
	_, err := i.line(ctx, "Which variables shall livekey deliver?", strings.Join(all, " "), func(answer string) (err error) {
		i.names, err = listed(answer)
		return err
	})
	return err
}

// plannedKey is a key of the config, with what its comment says.
type plannedKey struct {
	subjectKey
	notes        []string
	trim, base64 bool
}

func (k plannedKey) entry() draft.Entry {
	e := draft.Entry{Name: string(k.name), Notes: k.notes}
	e.Set("from", draft.From(k.from, config.FormatRef))
	if k.provider != "" {
		e.Set("provider", draft.Text(k.provider))
	} else {
		e.Notes = append(e.Notes, "No provider is known by this name: a prefix of the value may tell. Where nobody", "can prove the key, write provider: none.")
	}
	if k.trim {
		e.Set("trim", "true")
	}
	if k.base64 {
		e.Set("format", "base64")
	}
	if k.baseURL != "" {
		e.Set("base_url", draft.Text(k.baseURL))
	}
	if len(k.with) > 0 {
		e.Set("with", pairs(k.with))
	}
	if _, own := k.env[string(k.name)]; !own || len(k.env) > 1 {
		e.Set("env", pairs(k.env))
	}
	return e
}

func pairs[V ~string](m map[string]V) draft.Value {
	var all []draft.Value
	for _, name := range sorted(m) {
		all = append(all, draft.Pair(name, draft.Text(string(m[name]))))
	}
	return draft.Map(all...)
}

// askPlace asks where the keys live.
func (i *interview) askPlace(ctx context.Context) ([]plannedKey, error) {
	folder := filepath.Join(i.dir, "keys.d")
	options := []choice{
		{inFiles, "one file each, in " + folder},
		{inVault, "Vault or OpenBao"},
		{inAWS, "AWS Secrets Manager"},
		{inEnv, "livekey's own environment"},
	}
	fallback := inFiles
	switch {
	case slices.ContainsFunc(i.names, i.has):
		options, fallback = append([]choice{{whereFound, "where they were found; others in " + folder}}, options...), whereFound
	case i.vault.address != "":
		fallback = inVault
	case i.aws != awsSight{}:
		fallback = inAWS
	}
	where, err := i.choose(ctx, "Where do they live?", options, fallback)
	if err != nil {
		return nil, err
	}
	switch where {
	case whereFound:
		return i.asFound(folder)
	case inVault:
		return i.askVault(ctx)
	case inAWS:
		return i.askAWS(ctx)
	case inEnv:
		return i.at([]string{"livekey's own environment, which is not that of your shell once it is a service."}, envRef)
	default:
		return i.inFolder(folder, i.names)
	}
}

func envRef(variable string) key.Ref {
	return key.Ref{Location: key.Location{Source: "env", Path: variable}}
}

// at are the keys of all names at one place.
func (i *interview) at(notes []string, ref func(string) key.Ref) ([]plannedKey, error) {
	return planned(i.names, notes, ref)
}

func planned(names, notes []string, ref func(string) key.Ref) ([]plannedKey, error) {
	found, err := elsewhere(names, ref)
	if err != nil {
		return nil, err
	}
	var all []plannedKey
	for _, k := range found {
		all = append(all, plannedKey{subjectKey: k, notes: slices.Clone(notes)})
	}
	return all, nil
}

// inFolder are keys that are each a file.
func (i *interview) inFolder(folder string, names []string) ([]plannedKey, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keys, err := planned(names, nil, func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: "file", Path: filepath.Join(folder, variable)}}
	})
	for at, k := range keys {
		file := filepath.Join(folder, sortedVariables(k.subjectKey)[0])
		keys[at].notes = []string{
			"A file with the value alone, readable for whoever runs livekey. In bash:",
			fmt.Sprintf("  umask 077; mkdir -p %s; read -rs k", doctor.Quote(folder)),
			fmt.Sprintf("  printf %%s \"$k\" > %s", doctor.Quote(file)),
		}
	}
	return keys, err
}

// asFound leaves each key where it was found.
func (i *interview) asFound(folder string) ([]plannedKey, error) {
	var keys []plannedKey
	var others []string
	for _, name := range i.names {
		k, f, found := i.key(name)
		if !found {
			others = append(others, name)
			continue
		}
		if slices.ContainsFunc(keys, func(other plannedKey) bool { return other.name == k.name }) {
			continue // its other part
		}
		note := "Found in the " + f.where
		if f.service != "" {
			note += ", which " + f.service + " reads"
		}
		notes := []string{note + "."}
		if f.places == nil {
			notes[0] = "Found in the environment of livekey config init. A service has another one."
		}
		keys = append(keys, plannedKey{subjectKey: k, notes: notes})
	}
	rest, err := i.inFolder(folder, others)
	return append(keys, rest...), err
}

func (i *interview) askVault(ctx context.Context) ([]plannedKey, error) {
	e := draft.Add(&i.config.Sources, draft.Entry{Name: "vault"})
	address, err := i.line(ctx, "Address of Vault?", i.vault.address, anything)
	if err != nil {
		return nil, err
	}
	e.Set("address", draft.Text(address))
	if i.vault.namespace != "" {
		e.Set("namespace", draft.Text(i.vault.namespace))
	}
	if i.vault.caFile != "" {
		e.Set("ca_file", draft.Text(i.vault.caFile))
	}
	fallback := "approle"
	if i.vault.tokenFile != "" {
		fallback = "token"
	}
	method, err := i.choose(ctx, "How does livekey log in?", []choice{
		{"approle", "AppRole, with files in " + i.dir},
		{"token", "a token in a file"},
		{"kubernetes", "the service account of its pod"},
	}, fallback)
	if err != nil {
		return nil, err
	}
	switch method {
	case "approle":
		e.Fields = append(e.Fields, draft.Field{Name: "auth", Note: "docs/vault.md has the other methods", Value: draft.Map(
			draft.Pair("method", "approle"), draft.Pair("role_id_file", draft.Text(filepath.Join(i.dir, "role-id"))),
			draft.Pair("secret_id_file", draft.Text(filepath.Join(i.dir, "secret-id"))),
		)})
	case "token":
		file, err := i.line(ctx, "Which file has the token?", i.vault.tokenFile, absolute)
		if err != nil {
			return nil, err
		}
		e.Set("auth", draft.Map(draft.Pair("method", "token"), draft.Pair("token_file", draft.Text(file))))
	case "kubernetes":
		role, err := i.line(ctx, "Which role of Vault's kubernetes auth?", "livekey", anything)
		if err != nil {
			return nil, err
		}
		e.Set("auth", draft.Map(draft.Pair("method", "kubernetes"), draft.Pair("role", draft.Text(role))))
	}
	return i.askRecord(ctx, inVault, "Path of the secret, as `vault kv get` takes it?", "secret/prod/app")
}

func (i *interview) askAWS(ctx context.Context) ([]plannedKey, error) {
	region, err := i.line(ctx, "Which region?", i.aws.region, anything)
	if err != nil {
		return nil, err
	}
	e := draft.Add(&i.config.Sources, draft.Entry{Name: "awssm"})
	e.Set("region", draft.Text(region))
	if i.aws.profile != "" {
		e.Fields = append(e.Fields, draft.Field{Name: "profile", Value: draft.Text(i.aws.profile), Note: "AWS_PROFILE; without it, the default chain"})
	}
	return i.askRecord(ctx, inAWS, "Name or ARN of the secret?", "prod/app")
}

// askRecord asks for the record that has all keys, each in the field of its variable's name.
func (i *interview) askRecord(ctx context.Context, source, question, example string) ([]plannedKey, error) {
	path, err := i.line(ctx, question, example, anything)
	if err != nil {
		return nil, err
	}
	path = strings.Trim(path, "/")
	fields := i.names
	_, err = i.line(ctx, "In which of its fields are they, in this order?", strings.Join(i.names, " "), func(answer string) error {
		fields = strings.Fields(strings.ReplaceAll(answer, ",", " "))
		if len(fields) != len(i.names) || slices.ContainsFunc(fields, func(f string) bool { return config.Shown(f) != f }) {
			return fmt.Errorf("%d names of fields", len(i.names))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return i.at(nil, func(variable string) key.Ref {
		return key.Ref{Location: key.Location{Source: source, Path: path}, Field: fields[slices.Index(i.names, variable)]}
	})
}

func absolute(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("an absolute path")
	}
	return nil
}

// askReader asks who reads the keys, and adds the sink.
func (i *interview) askReader(ctx context.Context) (err error) {
	service := ""
	for _, f := range i.finds {
		if f.service != "" && slices.ContainsFunc(f.variables(), func(v string) bool { return slices.Contains(i.names, v) }) {
			service = f.service
			break
		}
	}
	fallback := "dotenv"
	if service != "" || os.Geteuid() == 0 {
		fallback = "systemd"
	}
	if i.reader == "" {
		if i.reader, err = i.choose(ctx, "Who reads them?", readers, fallback); err != nil {
			return err
		}
	}
	e := draft.Entry{Name: "app"}
	kind, path := "env_file", filepath.Join(i.run, "sinks/app/app.env")
	if i.reader == asFolder {
		kind, path = asFolder, filepath.Join(i.run, "sinks/app")
	}
	e.Set("kind", draft.Text(kind))
	e.Set("path", draft.Text(path))
	if i.reader != asFolder {
		e.Set("dialect", draft.Text(i.reader))
	}
	e.Set("keys", draft.Text("all"))
	if i.reader == "systemd" {
		service, err = i.line(ctx, "Which service shall be restarted when a key changed? Enter: none", service, maybe)
		if err != nil {
			return err
		}
		e.Notes = []string{"In the unit: EnvironmentFile=" + path}
		if service != "" {
			e.Fields = append(e.Fields, draft.Field{Name: "on_change", Value: draft.Map(draft.Pair("systemd", draft.Text(service))), Note: "livekey config systemd prints what it takes"})
		}
	} else if i.asks() {
		group, err := i.line(ctx, "Which group may read them? Enter: only the user that livekey runs as", "", maybe)
		if err != nil {
			return err
		}
		if group != "" {
			e.Set("group", draft.Text(group))
			e.Set("mode", draft.Text("0640"))
		}
	}
	i.config.Sinks = append(i.config.Sinks, e)
	return nil
}
