// Package catalog proves keys by what its files say about their issuers: what to
// ask, and what each answer means. A file is data; that nothing is dead without
// the issuer's mark, that a value goes only to pinned hosts and only into
// headers, and that some credentials are never sent, is enforced here.
package catalog

import (
	"compress/flate"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/secret"
)

// blob is what providers/*.yaml say, each as JSON, deflated, one after another: a fifth of the
// time that YAML takes to read, and half of the bytes.
//
//go:embed catalog.deflated
var blob string

// ErrUnknownProvider says that no file describes a provider of this name.
var ErrUnknownProvider = errors.New("unknown provider")

// Catalog is the providers of one installation. Built-in files are read when a
// key first needs them. Add before use; the rest is safe for concurrent use.
type Catalog struct {
	entries map[string]*entry
}

type entry struct {
	indexed
	own   bool
	parse func() (*Provider, error)
}

// indexed is what is known about a built-in provider without reading what its file says.
type indexed struct {
	id, baseURL string
	variables   []string
	shared      []string
	prefixes    []string
	pins        []string
	at, length  int // in blob
}

// inflate reads what the file says.
func (i indexed) inflate() io.Reader {
	return flate.NewReader(strings.NewReader(blob[i.at : i.at+i.length]))
}

// Builtin returns a catalog of the built-in providers.
func Builtin() *Catalog {
	c := &Catalog{entries: map[string]*entry{}}
	for _, i := range index {
		c.entries[i.id] = &entry{indexed: i, parse: sync.OnceValues(func() (*Provider, error) {
			var f file
			if err := json.NewDecoder(i.inflate()).Decode(&f); err != nil {
				return nil, fmt.Errorf("read built-in provider %s: %w", i.id, err)
			}
			return newProvider(&f), nil
		})}
	}
	return c
}

// Add reads a file of the user's own, known as name. Its faults are placed in
// it. It may not take the name of another provider, of a built-in one only with
// `overrides: true`, and no prefix that belongs to another.
func (c *Catalog) Add(name, file string, text []byte) error {
	p, err := parse(file, string(text))
	if err != nil {
		return err
	}
	var found faults
	f := p.file
	if f.ID != name {
		found.add(f.node, "id", "must be %q, the name under which the config has this file", name)
	}
	old := c.entries[name]
	switch {
	case name == config.NoProvider:
		found.add(f.node, "id", "%q means that nobody can prove a key; use another name", config.NoProvider)
	case old != nil && old.own:
		found.add(f.node, "id", "is the name of two files")
	case old != nil && !f.Overrides:
		found.add(f.node, "id", "is a built-in provider; say `overrides: true` to replace it, or use another name")
	}
	for _, prefix := range f.Recognize.Prefix {
		for _, id := range slices.Sorted(maps.Keys(c.entries)) {
			if id != name && slices.ContainsFunc(c.entries[id].prefixes, func(theirs string) bool { return overlap(theirs, prefix) }) {
				found.add(f.node, "recognize.prefix", "a prefix here belongs to provider %s, and a value with it would go there", id)
			}
		}
	}
	if err := found.err(); err != nil {
		return err
	}
	p.forget()
	c.entries[name] = &entry{
		indexed: indexed{
			id: name, baseURL: f.BaseURL, variables: f.Recognize.Variables, shared: f.Recognize.Shared, prefixes: f.Recognize.Prefix, pins: p.Pins(),
		},
		own:   true,
		parse: func() (*Provider, error) { return p, nil },
	}
	return nil
}

// Read reads a file of the user's own, under the name that it gives itself. Its faults are
// those of Add.
func (c *Catalog) Read(file string, text []byte) (*Provider, error) {
	p, err := parse(file, string(text))
	if err != nil {
		return nil, err
	}
	return p, c.Add(p.ID(), file, text)
}

// Lookup returns the provider that a config names, or an error wrapping
// ErrUnknownProvider.
func (c *Catalog) Lookup(id string) (*Provider, error) {
	e := c.entries[id]
	if e == nil {
		return nil, fmt.Errorf("%w %q; known are %s, %s", ErrUnknownProvider, id, strings.Join(c.IDs(), ", "), config.NoProvider)
	}
	return e.parse()
}

// IDs are the names of all providers, sorted.
func (c *Catalog) IDs() []string { return slices.Sorted(maps.Keys(c.entries)) }

// Listed is what is known of a provider without reading its file.
type Listed struct {
	ID        string
	BaseURL   string // "" if nobody is asked over HTTP; own: each key says it
	Variables []string
	Pins      []string // identity fields that tell one owner from another
}

// List is every provider, sorted.
func (c *Catalog) List() []Listed {
	all := make([]Listed, 0, len(c.entries))
	for _, id := range c.IDs() {
		e := c.entries[id]
		all = append(all, Listed{id, e.baseURL, slices.Concat(e.variables, e.shared), e.pins})
	}
	return all
}

// Resolve decides the provider by the exact names of the variables that a key is
// delivered under; "" if they name none. It is an error if they name two, unless the
// keys of one of them have all as parts.
func (c *Catalog) Resolve(variables []string) (string, error) {
	var found []string
	for _, id := range c.IDs() {
		if slices.ContainsFunc(c.entries[id].variables, func(v string) bool { return slices.Contains(variables, v) }) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	for _, id := range found {
		if p, err := c.Lookup(id); err == nil && p.hasAll(variables) {
			return id, nil
		}
	}
	return "", fmt.Errorf("choose provider: the variable belongs to %s; say `provider:`", strings.Join(found, " and "))
}

// ResolveValue decides the provider by a prefix that belongs to one issuer
// alone; "" if the value has none.
func (c *Catalog) ResolveValue(v secret.Value) string {
	best, longest := "", 0
	for prefix, id := range c.Prefixes() {
		if len(prefix) > longest && strings.HasPrefix(string(v.Reveal()), prefix) {
			best, longest = id, len(prefix)
		}
	}
	return best
}

// Prefixes are the prefixes that belong to one issuer alone, and its name.
func (c *Catalog) Prefixes() map[string]string {
	all := map[string]string{}
	for id, e := range c.entries {
		for _, p := range e.prefixes {
			all[p] = id
		}
	}
	return all
}

func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
