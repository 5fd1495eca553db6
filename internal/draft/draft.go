// Package draft writes configs for people: YAML with comments, of names, places and
// addresses. It takes no value of a key, and nothing in it reads one.
package draft

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// A Config is one that is to be written, in the order of its entries.
type Config struct {
	Head    []string // comment at the top, a line each
	Sources []Entry
	Keys    []Entry
	Sinks   []Entry
	Policy  []Field
	Tail    []string // comment at the end
}

// An Entry is a named mapping of a section.
type Entry struct {
	Name   string
	Notes  []string // comment above it, a line each
	Fields []Field
}

// A Field is one line of an entry.
type Field struct {
	Name  string
	Value Value
	Note  string // comment behind it
}

// A Value is YAML of one line: what Text, Words and Map return.
type Value string

// plain is a text that YAML reads as itself without quotes, in a flow collection too.
var plain = regexp.MustCompile(`^[A-Za-z_/](?:[A-Za-z0-9_./@%=+#?&$-]|:[A-Za-z0-9_./@%=+#?&$-])*$`)

// Text is s as a scalar, quoted where it has to be.
func Text(s string) Value {
	if plain.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return Value(s)
	}
	return Value(strconv.Quote(s)) // each of Go's escapes is one of YAML's
}

// Words is a list of texts.
func Words[S ~string](all []S) Value {
	var texts []string
	for _, s := range all {
		texts = append(texts, string(Text(string(s))))
	}
	return Value("[" + strings.Join(texts, ", ") + "]")
}

// Map is a mapping of what Pair returns.
func Map(pairs ...Value) Value {
	var all []string
	for _, p := range pairs {
		all = append(all, string(p))
	}
	return Value("{" + strings.Join(all, ", ") + "}")
}

// Pair is an entry of a Map.
//
//go:noinline
func Pair(name string, v Value) Value { return Text(name) + ": " + v }

// From is where a key is: a reference, or one for each part.
func From(parts map[key.Part]key.Ref, format func(key.Ref) string) Value {
	if ref, alone := parts[key.DefaultPart]; alone && len(parts) == 1 {
		return Text(format(ref))
	}
	var pairs []Value
	for _, part := range sortedKeys(parts) {
		pairs = append(pairs, Pair(string(part), Text(format(parts[part]))))
	}
	return Map(pairs...)
}

// Add puts an entry into a section, unless one of its name is there, and returns that name's.
func Add(section *[]Entry, e Entry) *Entry {
	for i := range *section {
		if (*section)[i].Name == e.Name {
			return &(*section)[i]
		}
	}
	*section = append(*section, e)
	return &(*section)[len(*section)-1]
}

// Has says whether the entry has a field.
func (e *Entry) Has(name string) bool {
	return slices.ContainsFunc(e.Fields, func(f Field) bool { return f.Name == name })
}

// Set adds a field. It is called from many places, once each.
//
//go:noinline
func (e *Entry) Set(name string, v Value) { e.Fields = append(e.Fields, Field{Name: name, Value: v}) }
