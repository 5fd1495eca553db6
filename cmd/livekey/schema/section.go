package main

import (
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/livekey/livekey/internal/config"
)

// A section is one of those whose entries have a kind.
type section struct {
	describer

	name     string // of one entry, in $defs
	kinds    map[string]any
	at       map[string][]string                  // by kind, the entries of the reference
	core     func() map[string]*jsonschema.Schema // the fields that every kind has; nil: none
	required []string                             // of them
}

func (s section) place(section, entry, kind string) {
	s.at[kind] = append(s.at[kind], section+"."+entry)
}

// add makes a schema of the section, and puts those of its kinds into defs. An entry with a
// kind has that kind's fields; one without has those of the kind that is its name.
func (s section) add(defs map[string]*jsonschema.Schema) *jsonschema.Schema {
	names := sorted(s.kinds)
	kind := words(names...)
	kind.Description = "may be left out where the entry's name is a kind"
	entry := &jsonschema.Schema{
		Type: "object", Required: []string{"kind"},
		Properties: map[string]*jsonschema.Schema{"kind": kind},
	}
	all := entries(config.EntryNames, ref(s.name))
	all.Properties = map[string]*jsonschema.Schema{}
	for _, k := range names {
		def := s.name + "." + k
		defs[def] = s.kind(k)
		said := &jsonschema.Schema{Type: "object", Required: []string{"kind"}}
		all.Properties[k] = &jsonschema.Schema{If: said, Then: ref(s.name), Else: ref(def)}
		isKind := &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"kind": {Const: new(any(k))}}}
		entry.AllOf = append(entry.AllOf, &jsonschema.Schema{If: isKind, Then: ref(def)})
	}
	all.PropertyOrder = names
	defs[s.name] = entry
	return all
}

// fields are the places of a field that every kind has: of this kind first.
func (s section) fields(kind, name string) (places []string) {
	for _, k := range append([]string{kind}, sorted(s.kinds)...) {
		for _, entry := range s.at[k] {
			places = append(places, entry+"."+name)
		}
	}
	return places
}

func (s section) kind(k string) *jsonschema.Schema {
	o := s.object(reflect.TypeOf(s.kinds[k]), s.at[k])
	o.Properties["kind"] = &jsonschema.Schema{Const: new(any(k))}
	if s.core != nil {
		for name, f := range s.core() {
			f.Description = s.help(s.fields(k, name)...)
			o.Properties[name] = f
		}
	}
	if o.Required = s.required; len(s.required) > 0 {
		o.Types, o.Type = nil, "object"
	}
	return o
}
