package main

import (
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/livekey/livekey/internal/config"
)

// shownSteps are where the reference shows what a step of on_change may say.
var shownSteps = []string{
	"sinks.app.on_change",
	"sinks.files.on_change.steps[0]", "sinks.files.on_change.steps[1]", "sinks.files.on_change.steps[2]",
	"sinks.files.on_change.steps[3]", "sinks.files.on_change.steps[4]",
}

// onChange is none, a step, a list of steps, or steps with what holds for all of them.
func onChange(d describer) *jsonschema.Schema {
	step := stepSchema(d, "sinks.*.on_change.steps")
	step.Types, step.Type = nil, "object"
	all := stepSchema(d, "sinks.*.on_change")
	all.Properties["steps"].Types, all.Properties["steps"].Type = nil, "array"
	all.Properties["steps"].MinItems, all.Properties["steps"].Items = new(1), step
	all.OneOf = append(all.OneOf, &jsonschema.Schema{Required: []string{"steps"}})
	all.Types, all.Type = nil, "object"
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		words("none"), {Type: "null"}, all, {Type: "array", Items: step},
	}}
}

// stepSchema is a shape that tells one consumer, or several of one kind.
func stepSchema(d describer, shape string) *jsonschema.Schema {
	s := d.object(reflect.TypeOf(config.Shapes()[shape]), append([]string{"sinks.files.on_change"}, shownSteps...))
	set := func(field string, f *jsonschema.Schema) {
		f.Description = s.Properties[field].Description
		s.Properties[field] = f
	}
	unit := text(config.UnitNames)
	set("systemd", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		unit, {Type: "array", Items: unit, MinItems: new(1), UniqueItems: true},
	}})
	set("unit", unit)
	set("pid_file", text(`^/`))
	set("exec", &jsonschema.Schema{
		Type: "array", Items: text(""), MinItems: new(1), PrefixItems: []*jsonschema.Schema{text(`^/`)},
	})
	for _, hook := range []string{"http", "health"} {
		h := s.Properties[hook]
		h.Types, h.Type, h.Required = nil, "object", []string{"url"}
	}
	for _, kind := range []string{"systemd", "signal", "exec", "http"} {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{kind}})
	}
	s.DependentRequired = map[string][]string{"user": {"process"}}
	for _, field := range []string{"pid_file", "unit", "process"} {
		s.DependentRequired[field] = []string{"signal"}
	}
	s.DependentRequired["action"] = []string{"systemd"}
	return s
}
