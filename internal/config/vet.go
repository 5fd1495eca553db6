package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// vet refuses what no config needs, before anything is decoded: tags, merge
// keys, aliases that expand without end, and, where secrets is set, secrets. ok
// says whether the tree may be walked.
func (d *document) vet(c *collector, secrets bool) (ok bool) {
	if d.root == nil {
		return false
	}
	v := &vetter{doc: d, faults: c, secrets: secrets}
	v.visit(d.root, nil, nil)
	return !v.full
}

type vetter struct {
	doc     *document
	faults  *collector
	secrets bool // look for them
	aliased int  // nodes reached through aliases so far
	full    bool // enough is enough
}

func (v *vetter) fault(y *yaml.Node, path []string, message, hint string) {
	text := ""
	for _, name := range path {
		if strings.HasPrefix(name, "[") { // no field begins so: an element of a list
			text += name
		} else {
			text = joinPath(text, name)
		}
	}
	v.faults.add(v.doc.fault(y.Line, y.Column, text, message, hint))
}

// visit checks y and what is in it. via is the first alias on the way, if there is one.
func (v *vetter) visit(y *yaml.Node, path []string, via *yaml.Node) {
	if via == nil && y.Kind == yaml.AliasNode {
		via = y
	}
	if via != nil {
		v.aliased++
	}
	at := cmp.Or(via, y)
	switch y = target(y); {
	case v.full:
		return
	case v.aliased > maxAliased, y.Kind == yaml.AliasNode, len(path) > maxDepth:
		// Without aliases the scanner has already held the depth.
		v.full = true
		v.fault(at, path[:min(1, len(path))], "aliases expand to too much", "write the entries out")
		return
	case y.Style&yaml.TaggedStyle != 0:
		v.fault(y, path, "a tag; a config has none", "remove the word that begins with !")
	}
	switch y.Kind {
	case yaml.ScalarNode:
		v.scalar(y, path)
	case yaml.SequenceNode:
		for i, item := range y.Content {
			v.visit(item, append(path, fmt.Sprintf("[%d]", i)), via)
		}
	case yaml.MappingNode:
		for pair := range slices.Chunk(y.Content, 2) {
			v.pair(pair[0], pair[1], path, via)
		}
	default: // no node below the document is of another kind once its alias is followed
	}
}

func (v *vetter) pair(name, value *yaml.Node, path []string, via *yaml.Node) {
	switch {
	case name.Tag == "!!merge":
		v.fault(name, path, "a merge key; a config has none", "write the fields out, or put them under policy")
		return
	case v.secrets && looksSecret(name.Value):
		v.secret(name, path)
	}
	v.visit(value, append(path, name.Value), via)
}

func (v *vetter) scalar(y *yaml.Node, path []string) {
	if !v.secrets {
		return
	}
	named := y.Value != "" && y.Tag != "!!bool" && y.Tag != "!!null" && mayHoldSecret(path) &&
		secretFields.MatchString(path[len(path)-1])
	if named || looksSecret(y.Value) {
		v.secret(y, path)
	}
}

func (v *vetter) secret(y *yaml.Node, path []string) {
	if v.doc.secrets == nil {
		v.doc.secrets = make(map[*yaml.Node]bool)
	}
	v.doc.secrets[y] = true
	v.fault(y, path, "a secret has no place in the config", secretHint(path))
}
