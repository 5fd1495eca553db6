package config

import (
	"encoding"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"
)

// Unmarshaler is a type that reads its own Node; its faults are n.Fault's.
type Unmarshaler interface{ UnmarshalConfig(n Node) error }

// Decode fills into, a pointer to a struct that already holds the defaults, by
// yaml tags ("name", ",inline", "-"). Fields may be texts, booleans, numbers, time.Duration,
// FileMode, Word, Node, lists, maps by name, structs, pointers, any, encoding.TextUnmarshaler
// and Unmarshaler. A field that the struct does not have is a fault, as is one said twice; every
// fault is returned at once, as Faults.
func (n Node) Decode(into any) error {
	var c collector
	n.decode(reflect.ValueOf(into).Elem(), &c)
	return c.err()
}

var (
	nodeType     = reflect.TypeFor[Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (n Node) decode(v reflect.Value, c *collector) {
	y := target(n.yaml)
	if y == nil {
		return
	}
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(n))
		return
	}
	if v.CanAddr() && v.Kind() != reflect.Pointer {
		switch own := v.Addr().Interface().(type) {
		case Unmarshaler:
			for _, err := range c.take(own.UnmarshalConfig(n)) {
				c.add(n.fault("", err.Error(), ""))
			}
			return
		case encoding.TextUnmarshaler:
			// What it says may quote the text.
			if text, ok := n.text(y, c); ok && own.UnmarshalText([]byte(text)) != nil {
				c.add(n.fault("", "not valid here", ""))
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		n.decodeStruct(y, v, c)
	case reflect.Map:
		n.decodeMap(y, v, c)
	case reflect.Slice:
		n.decodeList(y, v, c)
	case reflect.Pointer:
		if n.empty() {
			return
		}
		to := reflect.New(v.Type().Elem())
		n.decode(to.Elem(), c)
		v.Set(to)
	case reflect.Interface:
		if x := plain(y); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		n.decodeScalar(y, v, c)
	}
}

func (n Node) decodeStruct(y *yaml.Node, v reflect.Value, c *collector) {
	if n.empty() {
		return
	}
	if y.Kind != yaml.MappingNode {
		c.add(n.fault("", "must have fields of its own", "write them below it, indented, as name: value"))
		return
	}
	fields := Fields(v.Type())
	for child := range n.children(y, c) {
		name := child.name.Value
		if at, ok := fields[name]; ok {
			child.decode(v.FieldByIndex(at), c)
			continue
		}
		if !n.doc.secrets[child.name] && !n.doc.secrets[target(child.yaml)] {
			c.add(child.nameFault("unknown field", choice(name, slices.Sorted(maps.Keys(fields)))))
		}
	}
}

// parseDuration reads what time.ParseDuration does, and days before it: 14d, 1d12h. A day
// has 24 hours. Nothing below 0 is a duration of a config.
func parseDuration(text string) (time.Duration, bool) {
	days := time.Duration(0)
	if number, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16) // 179 years
		if err != nil {
			return 0, false
		}
		if days = time.Duration(n) * day; rest == "" {
			return days, true
		}
		text = rest
	}
	d, err := time.ParseDuration(text)
	return days + d, err == nil && d >= 0 && days+d >= days
}

// day is a day of a duration, whatever clocks are set to within it.
const day = 24 * time.Hour

// Fields maps the names of t's fields, as a config says them, to their index. It looks
// once at each type: a config has few of them, and thousands of entries.
func Fields(t reflect.Type) map[string][]int {
	if known, ok := knownFields.Load(t); ok {
		return known.(map[string][]int)
	}
	fields := make(map[string][]int)
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" || options == "inline" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		fields[name] = f.Index
	}
	knownFields.Store(t, fields)
	return fields
}

var knownFields sync.Map // reflect.Type: what Fields returns

// children goes through the fields of a mapping. A name that is no text, and a
// name said twice, are faults and left out.
func (n Node) children(y *yaml.Node, c *collector) func(yield func(Node) bool) {
	return func(yield func(Node) bool) {
		seen := make(map[string]*yaml.Node)
		for pair := range slices.Chunk(y.Content, 2) {
			child := n.child(pair[0], pair[1])
			name := pair[0]
			switch first := seen[name.Value]; {
			case name.Kind != yaml.ScalarNode:
				c.add(child.doc.fault(name.Line, name.Column, n.path, "the name of a field must be plain text", ""))
				continue
			case first != nil:
				c.add(child.nameFault(fmt.Sprintf("said twice: first at %s:%d:%d", n.doc.file, first.Line, first.Column),
					"keep one of them"))
				continue
			case name.Tag == "!!merge": // vet has said so
				continue
			}
			seen[name.Value] = name
			if !yield(child) {
				return
			}
		}
	}
}

func (n Node) decodeMap(y *yaml.Node, v reflect.Value, c *collector) {
	if n.empty() {
		return
	}
	if y.Kind != yaml.MappingNode {
		c.add(n.fault("", "must have entries of its own", "write them below it, indented, as name: value"))
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for child := range n.children(y, c) {
		value := reflect.New(v.Type().Elem()).Elem()
		child.decode(value, c)
		v.SetMapIndex(reflect.ValueOf(child.name.Value).Convert(v.Type().Key()), value)
	}
}

func (n Node) decodeList(y *yaml.Node, v reflect.Value, c *collector) {
	if n.empty() {
		return
	}
	if y.Kind != yaml.SequenceNode {
		c.add(n.fault("", "must be a list", "write it in brackets: [a, b]"))
		return
	}
	all := reflect.MakeSlice(v.Type(), len(y.Content), len(y.Content))
	for i, item := range y.Content {
		n.item(i, item).decode(all.Index(i), c)
	}
	v.Set(all)
}

// text is a scalar's text. Numbers and dates are taken as they are written.
func (n Node) text(y *yaml.Node, c *collector) (string, bool) {
	switch {
	case y.Kind != yaml.ScalarNode:
		c.add(n.fault("", "must be a single value", ""))
	case y.Tag == "!!null":
		c.add(n.fault("", "has no value", "write one, or leave the field out"))
	case y.Tag == "!!bool":
		c.add(n.fault("", "must be a text, not true or false", "put it in quotes if it is meant"))
	default:
		return y.Value, true
	}
	return "", false
}

func (n Node) decodeScalar(y *yaml.Node, v reflect.Value, c *collector) {
	if v.Kind() == reflect.Bool {
		if y.Kind != yaml.ScalarNode || y.Tag != "!!bool" {
			c.add(n.fault("", "must be true or false", ""))
			return
		}
		v.SetBool(strings.EqualFold(y.Value, "true"))
		return
	}
	text, ok := n.text(y, c)
	if !ok {
		return
	}
	switch {
	case v.Type() == durationType:
		d, ok := parseDuration(text)
		if !ok {
			c.add(n.fault("", "must be a duration", "write a number and its unit, such as 30s, 10m, 24h or 14d"))
			return
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		if w, few := reflect.TypeAssert[Word](v); few && text != v.String() {
			c.take(n.oneOf("", text, w.Words()...))
		}
		v.SetString(text)
	case v.CanInt():
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil || y.Tag != "!!int" {
			c.add(n.fault("", "must be a whole number", ""))
			return
		}
		v.SetInt(i)
	case v.CanUint():
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil || y.Tag != "!!int" {
			c.add(n.fault("", "must be a whole number, not below 0", ""))
			return
		}
		v.SetUint(u)
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || y.Tag != "!!int" && y.Tag != "!!float" {
			c.add(n.fault("", "must be a number", ""))
			return
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("config: %s is no type that a config decodes into", v.Type()))
	}
}

// said is what stands in a node, as Go values; nil if nothing does.
func (n Node) said() any {
	if n.yaml == nil {
		return nil
	}
	return plain(n.without("kind").yaml)
}

// plain is a node as Go values: string, bool, int64, float64, []any, map[string]any, nil.
func plain(y *yaml.Node) any {
	switch y = target(y); y.Kind {
	case yaml.SequenceNode:
		all := make([]any, len(y.Content))
		for i, item := range y.Content {
			all[i] = plain(item)
		}
		return all
	case yaml.MappingNode:
		all := make(map[string]any, len(y.Content)/2)
		for pair := range slices.Chunk(y.Content, 2) {
			all[pair[0].Value] = plain(pair[1])
		}
		return all
	default:
		return plainScalar(y)
	}
}

func plainScalar(y *yaml.Node) any {
	switch y.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(y.Value, "true")
	case "!!int":
		if i, err := strconv.ParseInt(y.Value, 10, 64); err == nil {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(y.Value, 64); err == nil {
			return f
		}
	}
	return y.Value
}

// FileMode is a mode written as an octal text: "0640".
type FileMode fs.FileMode

// UnmarshalConfig reads "0640" and "640", in quotes: a bare number would be
// octal to some readers of YAML and decimal to others.
func (m *FileMode) UnmarshalConfig(n Node) error {
	const hint = `write it as octal digits in quotes, such as "0640"`
	y := target(n.yaml)
	switch {
	case y.Kind != yaml.ScalarNode:
		return n.fault("", "must be a file mode", hint)
	case y.Tag == "!!int":
		return n.fault("", "a file mode must be in quotes", hint)
	}
	mode, err := strconv.ParseUint(y.Value, 8, 32)
	if err != nil || mode > 0o777 || len(y.Value) < 3 || len(y.Value) > 4 {
		return n.fault("", "must be a file mode", hint)
	}
	*m = FileMode(mode)
	return nil
}
