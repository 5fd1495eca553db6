package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/key"
)

func (b *builder) buildSinks() {
	b.cfg.Sinks = make(map[string]Sink)
	paths := make(map[string]Node)
	for _, name := range slices.Sorted(maps.Keys(b.sinks)) {
		n := b.sinks[name]
		kind, settings, ok := b.entry(n, b.kinds.Sinks)
		if !isMapping(target(n.yaml)) && !n.empty() {
			continue
		}
		b.sinkPath(n, paths)
		sink := Sink{Name: name, Kind: kind, Settings: settings.without("keys", "complete", "on_change")}
		if at, said := n.field("complete"); said {
			b.take(at.Decode(&sink.Complete))
		}
		if at, said := n.field("on_change"); said {
			sink.OnChange = b.onChange(at)
		}
		sink.Keys = b.sinkKeys(n)
		if ok {
			b.cfg.Sinks[name] = sink
		}
	}
}

// sinkPath checks what the core knows of a path: that it is absolute, and that no
// other sink has it.
func (b *builder) sinkPath(n Node, paths map[string]Node) {
	at, said := n.field("path")
	var path string
	if !said || at.Decode(&path) != nil { // the kind says what is wrong
		return
	}
	b.absolute(n, "path", path)
	path = filepath.Clean(path)
	if first, twice := paths[path]; twice {
		b.add(at.fault("", "another sink has this path: "+first.path+" at "+first.place(), "give each sink a path of its own"))
		return
	}
	paths[path] = at
}

// sinkKeys is the list of keys of a sink, "all" spelled out.
func (b *builder) sinkKeys(n Node) []key.Name {
	at, _ := n.field("keys")
	y := target(at.yaml)
	var names []key.Name
	places := make(map[key.Name]Node)
	switch {
	case at.empty():
		b.add(n.fault("keys", "required", "list the keys, or write keys: all"))
		return nil
	case isScalar(y) && y.Value == "all":
		for name := range b.keys {
			names = append(names, key.Name(name))
			places[key.Name(name)] = at
		}
	case y.Kind != yaml.SequenceNode || len(y.Content) == 0:
		b.add(at.fault("", "must be a list of keys, or all", "write keys: [NAME, …] or keys: all"))
		return nil
	}
	for i, item := range y.Content {
		item := at.item(i, item)
		var name key.Name
		if err := item.Decode(&name); err != nil {
			b.take(err)
			continue
		}
		first, twice := places[name]
		switch _, known := b.keys[string(name)]; {
		case !known:
			b.add(item.fault("", "no key has this name", b.keyHint(string(name))))
		case twice:
			b.add(item.fault("", "said twice: first at "+first.place(), "keep one of them"))
		default:
			names = append(names, name)
			places[name] = item
		}
	}
	slices.Sort(names)
	b.variables(names, places)
	return names
}

// keyHint names the nearest key. A file with a hundred faults has other troubles
// than a typing mistake, and looking through all names for each would take long.
func (b *builder) keyHint(name string) string {
	if len(b.list) >= 100 {
		return ""
	}
	return didYouMean(name, b.names)
}

// variables holds that no variable comes from two keys of a sink.
func (b *builder) variables(names []key.Name, places map[key.Name]Node) {
	first := make(map[string]Node)
	for _, name := range names {
		k, ok := b.cfg.Keys[name]
		if !ok {
			continue
		}
		for _, variable := range slices.Sorted(maps.Keys(k.Env)) {
			said := k.variablePlace(variable)
			if other, twice := first[variable]; twice {
				b.add(places[name].fault("", fmt.Sprintf("the same variable comes from %s at %s and from %s at %s",
					other.path, other.place(), said.path, said.place()), "give one of them another name with env:"))
				continue
			}
			first[variable] = said
		}
	}
}

// variablePlace is where a key says that variable is its own.
func (k Key) variablePlace(variable string) Node {
	env, said := k.Node.field("env")
	if !said {
		return k.Node
	}
	if at, ok := env.field(variable); ok {
		return at
	}
	return env
}
