package main

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/livekey/livekey/internal/config"
)

// Patterns of texts. A path may be empty: that says nothing, as leaving it out does.
const (
	durationPattern = `^(\+?(0|([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[0-9]{1,5}d(0|([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$`
	modePattern     = `^[0-7]{3,4}$`
	absolutePattern = `^(/.*)?$`
)

// describer makes schemas of the types that a config decodes into.
type describer struct {
	comments map[string]string
}

// of is what config.Node.Decode takes for t. at are the paths of the reference where its help
// may stand. A type that holds nothing takes nothing: nil.
func (d describer) of(t reflect.Type, at []string) *jsonschema.Schema {
	switch v := reflect.New(t).Interface().(type) {
	case *time.Duration:
		return &jsonschema.Schema{Types: []string{"string", "integer"}, Pattern: durationPattern, Maximum: new(0.0)}
	case *config.FileMode:
		return &jsonschema.Schema{Type: "string", Pattern: modePattern}
	case config.Unmarshaler:
		if t.Size() == 0 {
			return nil
		}
		return &jsonschema.Schema{} // it alone knows
	case encoding.TextUnmarshaler:
		return text("")
	case config.Word:
		return words(v.Words()...)
	}
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[config.Node]() {
			return &jsonschema.Schema{}
		}
		return d.object(t, at)
	case reflect.Map:
		return &jsonschema.Schema{Types: []string{"object", "null"}, AdditionalProperties: d.of(t.Elem(), nil)}
	case reflect.Slice:
		return &jsonschema.Schema{Types: []string{"array", "null"}, Items: d.of(t.Elem(), nil)}
	case reflect.Pointer:
		return d.of(t.Elem(), at)
	case reflect.Interface:
		return &jsonschema.Schema{}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.String:
		return text("")
	case reflect.Float32, reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &jsonschema.Schema{Type: "integer", Minimum: new(0.0)}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &jsonschema.Schema{Type: "integer"}
	default:
		panic(fmt.Sprintf("no config decodes into %s", t))
	}
}

// object has the fields of t, and no other. Like an entry of which every field has
// a default, it may be left empty.
func (d describer) object(t reflect.Type, at []string) *jsonschema.Schema {
	o := &jsonschema.Schema{Types: []string{"object", "null"}, Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: never()}
	fields := config.Fields(t)
	for _, name := range slices.SortedFunc(maps.Keys(fields), func(a, b string) int { return slices.Compare(fields[a], fields[b]) }) {
		places := make([]string, len(at))
		for i, p := range at {
			places[i] = strings.TrimPrefix(p+"."+name, ".")
		}
		f := d.of(t.FieldByIndex(fields[name]).Type, places)
		if f == nil {
			continue
		}
		if slices.Contains(f.Types, "number") && (strings.HasSuffix(name, "_file") || strings.HasSuffix(name, "_dir")) {
			f.Pattern = absolutePattern // as the core holds for every kind
		}
		f.Description = d.help(places...)
		o.Properties[name] = f
		o.PropertyOrder = append(o.PropertyOrder, name)
	}
	return o
}

// help is the first comment of the reference at one of the places.
func (d describer) help(places ...string) string {
	for _, p := range places {
		// That a value is an example says nothing about the field.
		c := strings.TrimSuffix(strings.TrimPrefix(d.comments[p], "example; "), " example")
		if c != "" && c != "example" {
			return c
		}
	}
	return ""
}

// text takes numbers too: a config's texts need no quotes.
func text(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Types: []string{"string", "number"}, Pattern: pattern}
}

// words are texts of which these alone are legal.
func words(legal ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, w := range legal {
		s.Enum = append(s.Enum, w)
	}
	return s
}

// never takes nothing.
func never() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }
