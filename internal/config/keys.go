package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// NoProvider as a key's provider says that nobody can prove it.
const NoProvider = "none"

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	partName     = newWord("[A-Za-z_]", "[A-Za-z0-9_.-]", 64)
)

// What a legal name looks like, as a hint.
const (
	variableRule = "a variable has letters, digits and _, and begins with no digit"
	partRule     = "a part has letters, digits, and _ . - after the first"
)

// keySpec is a key as the file writes it.
type keySpec struct {
	From     Node              `yaml:"from"`
	Provider string            `yaml:"provider"`
	BaseURL  string            `yaml:"base_url"`
	With     map[string]string `yaml:"with"`
	Env      Node              `yaml:"env"`
	Optional bool              `yaml:"optional"`
	OptIn    bool              `yaml:"opt_in"`
	Form     form              `yaml:"form"`
	Format   wrapping          `yaml:"format"`
	Trim     bool              `yaml:"trim"`
	Lint     struct {
		Allow []string `yaml:"allow"`
	} `yaml:"lint"`
	Expect    map[string]string `yaml:"expect"`
	Identity  identity          `yaml:"identity"`
	Policy    Node              `yaml:"policy"`
	Consumers []string          `yaml:"consumers"`
	Revoke    Node              `yaml:"revoke"`
	Reports   Node              `yaml:"reports"`
}

// key reads one entry of keys. ok is false if it has a fault.
func (b *builder) key(n Node) (k Key, ok bool) {
	before := len(b.list)
	name := n.name.Value
	if !safeName.MatchString(name) {
		b.add(n.nameFault("not a name of a key", "a name has letters, digits, and _ . / - after the first, 128 at most"))
	}
	spec := keySpec{Format: "plain", Identity: "pin"}
	b.take(n.Decode(&spec))
	if !isMapping(target(n.yaml)) && !n.empty() {
		return Key{}, false
	}
	b.keyAgrees(n, spec)
	k = Key{
		Name: key.Name(name), Provider: spec.Provider, BaseURL: spec.BaseURL, With: spec.With, Optional: spec.Optional, OptIn: spec.OptIn,
		Form: string(spec.Form), Format: string(spec.Format), Trim: spec.Trim, Allow: spec.Lint.Allow, Expect: spec.Expect,
		Follow: spec.Identity == "follow", Node: n,
	}
	k.Policy = b.policy(spec.Policy, b.cfg.Policy)
	k.Consumers = b.consumers(n, spec.Consumers)
	k.Revoke = b.revoke(n, spec.Revoke, spec.Consumers)
	k.Reports = b.reports(spec.Reports)
	if spec.BaseURL != "" {
		b.baseURL(k)
	}
	from := b.from(n, spec.From)
	k.Env = b.env(n, spec.Env, from)
	k.From = b.parts(n, from, k.Env)
	return k, len(b.list) == before
}

// keyAgrees holds that no field of a key contradicts another.
func (b *builder) keyAgrees(n Node, spec keySpec) {
	if spec.Identity == "follow" && len(spec.Expect) > 0 {
		b.add(n.fault("identity", "follow, while expect pins the identity", "keep one of them"))
	}
	if spec.Provider == NoProvider {
		for _, field := range []string{"base_url", "with", "expect", "opt_in"} {
			if _, said := n.field(field); said {
				b.add(n.fault(field, "of no use with provider: none, which asks nobody", "remove it, or name the provider"))
			}
		}
	}
}

// from reads the reference, or the map of part to reference, of a key. A single
// reference comes back under the part "".
func (b *builder) from(n, from Node) map[key.Part]key.Ref {
	y := target(from.yaml)
	switch {
	case from.empty():
		b.add(n.fault("from", "required", "say where the key is: file:///…, env://NAME, vault://…"))
		return nil
	case isScalar(y):
		if ref, ok := b.ref(from); ok {
			return map[key.Part]key.Ref{"": ref}
		}
		return nil
	case !isMapping(y):
		b.add(from.fault("", "must be a reference, or a map of part to reference", ""))
		return nil
	}
	refs := make(map[key.Part]key.Ref)
	for child := range from.children(y, b.collector) {
		if !partName.MatchString(child.name.Value) {
			b.add(child.nameFault("not a name of a part", partRule))
			continue
		}
		if ref, ok := b.ref(child); ok {
			refs[key.Part(child.name.Value)] = ref
		}
	}
	if len(y.Content) == 0 {
		b.add(from.fault("", "has no part", ""))
	}
	return refs
}

// ref reads one reference and finds its source: one of sources, or a kind, which
// is a source of its own name with defaults.
func (b *builder) ref(n Node) (key.Ref, bool) {
	var text string
	if n.doc.secrets[target(n.yaml)] { // said by vet
		return key.Ref{}, false
	}
	if err := n.Decode(&text); err != nil {
		b.take(err)
		return key.Ref{}, false
	}
	ref, err := ParseRef(text)
	if err != nil {
		b.add(n.fault("", err.Error(), ""))
		return key.Ref{}, false
	}
	if _, said := b.sources[ref.Source]; said {
		return ref, true
	}
	if !slices.Contains(b.kinds.Sources, ref.Source) {
		known := append(slices.Sorted(maps.Keys(b.sources)), b.kinds.Sources...)
		b.add(n.fault("", "no source has the name before ://", choice(ref.Source, known)))
		return ref, false
	}
	if _, made := b.cfg.Sources[ref.Source]; !made {
		b.cfg.Sources[ref.Source] = Source{
			Name: ref.Source, Kind: ref.Source,
			Settings: Node{doc: n.doc, path: joinPath("sources", ref.Source), name: n.name},
		}
	}
	return ref, true
}

// env is which variable carries which part. Without env: it is the key's name.
func (b *builder) env(n, env Node, from map[key.Part]key.Ref) map[string]key.Part {
	y := target(env.yaml)
	switch {
	case env.empty():
		part, single := only(from)
		switch {
		case !variableName.MatchString(n.name.Value):
			b.add(n.fault("env", "required, because the key's name is no legal variable", "env: NAME"))
		case !single && len(from) > 0:
			b.add(n.fault("env", "required, because the key has several parts", "env: {NAME: part, …}"))
			return nil
		}
		return map[string]key.Part{n.name.Value: part}
	case isScalar(y):
		var name string
		if err := env.Decode(&name); err != nil {
			b.take(err)
			return nil
		}
		part, single := only(from)
		if !single && len(from) > 0 {
			b.add(env.fault("", "one name, while the key has several parts", "env: {NAME: part, …}"))
			return nil
		}
		if !variableName.MatchString(name) {
			b.add(env.fault("", "not a legal variable", variableRule))
		}
		return map[string]key.Part{name: part}
	}
	var parts map[string]key.Part
	if err := env.Decode(&parts); err != nil {
		b.take(err)
		return nil
	}
	if len(parts) == 0 {
		b.add(env.fault("", "has no variable", "env: {NAME: part, …}"))
	}
	for variable, part := range parts {
		at, _ := env.field(variable)
		if !variableName.MatchString(variable) {
			b.add(at.nameFault("not a legal variable", variableRule))
		}
		if !partName.MatchString(string(part)) {
			b.add(at.fault("", "not a name of a part", partRule))
		}
	}
	return parts
}

// only is the part of a key that has one.
func only(from map[key.Part]key.Ref) (key.Part, bool) {
	if len(from) != 1 {
		return key.DefaultPart, false
	}
	for part := range from {
		if part != "" {
			return part, true
		}
	}
	return key.DefaultPart, true
}

// parts spells out where each part is. From one reference, all parts come from one
// read: without a field each part is the field of its own name, and a JSON
// pointer names the object that has them. The part "value" alone is the
// reference itself, and so is any single part of a reference with a field.
func (b *builder) parts(n Node, from map[key.Part]key.Ref, env map[string]key.Part) map[key.Part]key.Ref {
	wanted := slices.Compact(slices.Sorted(maps.Values(env)))
	one, single := from[""]
	if !single {
		b.known(n, from, env)
		return from
	}
	if len(wanted) == 1 && (wanted[0] == key.DefaultPart || one.Field != "") {
		return map[key.Part]key.Ref{wanted[0]: one}
	}
	if one.Field != "" && !strings.HasPrefix(one.Field, "/") {
		b.add(n.fault("from", "a single field, while the key has several parts",
			"leave the field out, name an object with a JSON pointer (#/a/b), or write a map of part to reference"))
		return nil
	}
	refs := make(map[key.Part]key.Ref, len(wanted))
	for _, part := range wanted {
		ref := one
		if ref.Field == "" {
			ref.Field = string(part)
		} else {
			ref.Field += "/" + string(part) // a part has no character that a pointer escapes
		}
		refs[part] = ref
	}
	return refs
}

// known checks that every part of env is one of from.
func (b *builder) known(n Node, from map[key.Part]key.Ref, env map[string]key.Part) {
	if len(from) == 0 {
		return // it has its own fault
	}
	var names []string
	for part := range from {
		names = append(names, string(part))
	}
	slices.Sort(names)
	at, _ := n.field("env")
	for variable, part := range env {
		if _, ok := from[part]; !ok {
			place, said := at.field(variable)
			if !said {
				place = at
			}
			b.add(place.fault("", "no part of from: has this name", choice(string(part), names)))
		}
	}
}
