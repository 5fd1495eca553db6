package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/livekey/livekey/internal/config"
)

// generate is the schema as a text, with the help texts of the reference.
func generate(reference string) ([]byte, error) {
	text, err := os.ReadFile(reference) //nolint:gosec // what its caller named
	if err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	cfg, err := config.Read(reference, text, kinds())
	if err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	comments, err := config.Comments(reference, string(text))
	if err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	schema, err := json.MarshalIndent(whole(describer{comments}, cfg), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(schema, '\n'), nil
}

func kinds() config.Kinds {
	return config.Kinds{Sources: sorted(sourceKinds), Sinks: sorted(sinkKinds), Channels: sorted(channelKinds)}
}

func sorted[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// whole is a file. What the core's structs leave open, because code decides it, is said here.
func whole(d describer, reference *config.Config) *jsonschema.Schema {
	core := func(shape string, at ...string) *jsonschema.Schema {
		return d.object(reflect.TypeOf(config.Shapes()[shape]), at)
	}
	places := func(section string, names []string, below ...string) (at []string) {
		for _, name := range names {
			at = append(at, strings.Join(append([]string{section, name}, below...), "."))
		}
		return at
	}
	file := core("", "")
	file.Schema = "https://json-schema.org/draft/2020-12/schema"
	file.Title = "livekey's configuration"
	file.Defs = map[string]*jsonschema.Schema{"policy": policy(core("policy", "policy"))}
	var keys []string
	for _, name := range sorted(reference.Keys) {
		keys = append(keys, string(name))
	}
	file.Defs["key"] = keySchema(core("keys.*", places("keys", keys)...))
	revoke := core("keys.*.revoke", places("keys", keys, "revoke")...)
	admin := core("keys.*.revoke.anthropic", places("keys", keys, "revoke", "anthropic")...)
	file.Defs["key"].Properties["revoke"] = revokeSchema(revoke, admin, file.Defs["key"].Properties["revoke"].Description)
	file.Defs["key"].Properties["reports"] = reports(core, file.Defs["key"].Properties["reports"].Description)
	provider := core("providers.*", places("providers", sorted(reference.Providers))...)
	provider.Types, provider.Type = nil, "object"
	provider.OneOf = []*jsonschema.Schema{{Required: []string{"file"}}, {Required: []string{"admin_key_file"}}}
	file.Defs["provider"] = provider

	set := func(field string, s *jsonschema.Schema) {
		s.Description = file.Properties[field].Description
		file.Properties[field] = s
	}
	set("policy", ref("policy"))
	set("log", core("log", "log"))
	holders := core("holders", "holders")
	holders.Properties["files"].Items = text(`^/`)
	set("holders", holders)
	set("lease", core("lease", "lease"))
	set("keys", entries(config.KeyNames, ref("key")))
	set("providers", entries(config.EntryNames, ref("provider")))
	set("peers", entries(config.EntryNames, peerSchema(core("peers.*", places("peers", sorted(reference.Peers))...))))
	set("state_dir", text(`^/`))
	set("socket", text(`^/`))
	set("metrics", text(`^(.*:[0-9]+)?$`))

	sources := section{describer: d, name: "source", kinds: sourceKinds, at: map[string][]string{}}
	for _, name := range sorted(reference.Sources) {
		sources.place("sources", name, reference.Sources[name].Kind)
	}
	set("sources", sources.add(file.Defs))
	channels := section{describer: d, name: "channel", kinds: channelKinds, at: map[string][]string{}}
	for _, name := range sorted(reference.Alerts) {
		channels.place("alerts", name, reference.Alerts[name].Kind)
	}
	set("alerts", channels.add(file.Defs))
	sinks := section{describer: d, name: "sink", kinds: sinkKinds, at: map[string][]string{}, core: func() map[string]*jsonschema.Schema { return sinkFields(d) }, required: []string{"keys"}}
	for _, name := range sorted(reference.Sinks) {
		sinks.place("sinks", name, reference.Sinks[name].Kind)
	}
	set("sinks", sinks.add(file.Defs))
	return file
}

func policy(s *jsonschema.Schema) *jsonschema.Schema {
	s.Properties["budget"].Minimum = new(1.0)
	s.Properties["confirm"].Properties["times"].Minimum = new(1.0)
	return s
}

func keySchema(s *jsonschema.Schema) *jsonschema.Schema {
	s.Types, s.Type, s.Required = nil, "object", []string{"from"}
	set := func(field string, f *jsonschema.Schema) {
		f.Description = s.Properties[field].Description
		s.Properties[field] = f
	}
	const reference = `^[A-Za-z_][A-Za-z0-9_.-]*://`
	set("from", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(reference), some(config.PartNames, text(reference))}})
	set("env", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		text(config.VariableNames), some(config.VariableNames, text(config.PartNames)), {Type: "null"},
	}})
	set("policy", ref("policy"))
	s.Properties["form"].Enum = append(s.Properties["form"].Enum, "") // as the provider's file says
	return s
}

// revokeSchema is nothing, or one of two ways to revoke.
func revokeSchema(s, admin *jsonschema.Schema, help string) *jsonschema.Schema {
	admin.Types, admin.Type = nil, "object" // providers may say its admin_key_file
	admin.Description = s.Properties["anthropic"].Description
	s.Properties["anthropic"] = admin
	s.Properties["exec"].Types, s.Properties["exec"].Type, s.Properties["exec"].MinItems = nil, "array", new(1)
	s.OneOf = []*jsonschema.Schema{{Type: "null"}, {Type: "object", Required: []string{"anthropic"}}, {Type: "object", Required: []string{"exec"}}}
	s.Description = help
	return s
}

// peerSchema is a program.
func peerSchema(s *jsonschema.Schema) *jsonschema.Schema {
	s.Types, s.Type, s.Required = nil, "object", []string{"exec"}
	s.Properties["exec"].Types, s.Properties["exec"].Type, s.Properties["exec"].MinItems = nil, "array", new(1)
	return s
}

// reports are logs, one of a kind or a list of them. In each is said which lines count.
func reports(core func(shape string, at ...string) *jsonschema.Schema, help string) *jsonschema.Schema {
	const shown = "keys.aws-deployer.reports"
	s := core("keys.*.reports", shown)
	s.Description = help
	for kind, required := range map[string]string{"journal": "unit", "file": "path"} {
		entry := core("keys.*.reports."+kind, shown+"."+kind)
		entry.Types, entry.Type, entry.Required = nil, "object", []string{required}
		entry.OneOf = []*jsonschema.Schema{{Required: []string{"match"}}, {Required: []string{"pattern"}}}
		s.Properties[kind] = &jsonschema.Schema{
			Description: s.Properties[kind].Description,
			AnyOf:       []*jsonschema.Schema{entry, {Type: "array", Items: entry}, {Type: "null"}},
		}
		if kind == "journal" {
			entry.Properties["unit"].Pattern = config.UnitNames
		} else {
			entry.Properties["path"].Pattern = `^/`
		}
	}
	return s
}

// sinkFields are those of the core in every sink.
func sinkFields(d describer) map[string]*jsonschema.Schema {
	return map[string]*jsonschema.Schema{
		"complete":  {Type: "boolean"},
		"on_change": onChange(d),
		"keys": {AnyOf: []*jsonschema.Schema{
			words("all"), {Type: "array", Items: text(config.KeyNames), MinItems: new(1), UniqueItems: true},
		}},
	}
}

// entries are named as the pattern says, and each is an entry.
func entries(names string, entry *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{
		Types:         []string{"object", "null"},
		PropertyNames: &jsonschema.Schema{Pattern: names}, AdditionalProperties: entry,
	}
}

// some are entries, one at least.
func some(names string, entry *jsonschema.Schema) *jsonschema.Schema {
	s := entries(names, entry)
	s.Types, s.Type, s.MinProperties = nil, "object", new(1)
	return s
}

func ref(def string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + def} }
