package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Node is one part of the configuration that somebody else decodes: what is left
// of an entry after the core took its own fields. The zero Node says nothing: it
// decodes into the defaults.
type Node struct {
	doc  *document
	path string     // "sinks.app"
	name *yaml.Node // the field or entry itself, for faults where the value is missing
	yaml *yaml.Node
}

// Parse makes a Node of a text that is not livekey's config: a provider's file, a
// built-in default, a test. path leads the faults; it may be empty.
func Parse(file, path, text string) (Node, error) {
	d := &document{file: file, text: []byte(text)}
	if err := d.open(); err != nil {
		return Node{}, Join(err)
	}
	var c collector
	d.vet(&c, false)
	return Node{doc: d, path: path, yaml: d.root}, c.err()
}

// Fault is an error about field of this node ("" is the node itself; a dot leads
// into a field of a field), placed where it stands in the file, or where the node
// does if it is not there. The text must not quote a value.
func (n Node) Fault(field, format string, args ...any) error {
	return n.fault(field, fmt.Sprintf(format, args...), "")
}

// fault is Fault with a hint.
func (n Node) fault(field, message, hint string) Fault {
	at, path, missing := n, n.path, false
	for name := range strings.SplitSeq(field, ".") {
		if name == "" {
			continue
		}
		path = joinPath(path, name)
		if child, ok := at.field(name); ok && !missing {
			at = child
		} else {
			missing = true
		}
	}
	y := at.yaml
	if at.name != nil && (y == nil || y.Line == 0 || missing) {
		y = at.name
	}
	if at.doc == nil {
		return Fault{Path: path, Message: message, Hint: hint}
	}
	if y == nil {
		return at.doc.fault(1, 1, path, message, hint)
	}
	return at.doc.fault(y.Line, y.Column, path, message, hint)
}

// nameFault is a fault about the name of this node, not about its value.
func (n Node) nameFault(message, hint string) Fault {
	if n.name != nil {
		n.yaml = n.name
	}
	return n.fault("", message, hint)
}

// oneOf is nil if word is one of known, else the fault of field.
func (n Node) oneOf(field, word string, known ...string) error {
	if slices.Contains(known, word) {
		return nil
	}
	return n.fault(field, "must be "+list(known), didYouMean(word, known))
}

// field is the field of a mapping, if it is there.
func (n Node) field(name string) (Node, bool) {
	y := target(n.yaml)
	if y == nil || y.Kind != yaml.MappingNode {
		return Node{}, false
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		if y.Content[i].Value == name {
			return n.child(y.Content[i], y.Content[i+1]), true
		}
	}
	return Node{}, false
}

// has says whether a field, or a field of a field, is there.
func (n Node) has(field string) bool {
	var ok bool
	for name := range strings.SplitSeq(field, ".") {
		if n, ok = n.field(name); !ok {
			return false
		}
	}
	return true
}

// misshaped says whether a field has a value of another shape, of which Decode complains.
func (n Node) misshaped(field string, shape yaml.Kind) bool {
	at, ok := n.field(field)
	return ok && !at.empty() && target(at.yaml).Kind != shape
}

// child is a field or entry of this node.
func (n Node) child(name, value *yaml.Node) Node {
	return Node{doc: n.doc, path: joinPath(n.path, name.Value), name: name, yaml: value}
}

// item is an element of a list.
func (n Node) item(i int, value *yaml.Node) Node {
	return Node{doc: n.doc, path: fmt.Sprintf("%s[%d]", n.path, i), name: value, yaml: value}
}

// without is the node less some fields, for whom they do not concern.
func (n Node) without(fields ...string) Node {
	y := target(n.yaml)
	if y == nil || y.Kind != yaml.MappingNode {
		return n
	}
	rest := *y
	rest.Content = nil
next:
	for i := 0; i+1 < len(y.Content); i += 2 {
		for _, f := range fields {
			if y.Content[i].Value == f {
				continue next
			}
		}
		rest.Content = append(rest.Content, y.Content[i], y.Content[i+1])
	}
	n.yaml = &rest
	return n
}

// empty says whether nothing was written.
func (n Node) empty() bool {
	y := target(n.yaml)
	return y == nil || y.Kind == yaml.ScalarNode && y.Tag == "!!null"
}

// Plain is what stands in the node as Go values: string, bool, int64, float64, []any,
// map[string]any, nil. It is for files whose fields are another program's, of which
// livekey knows some.
func (n Node) Plain() any {
	if n.yaml == nil {
		return nil
	}
	return plain(n.yaml)
}

// place is where the node's name stands: "livekey.yaml:3:5".
func (n Node) place() string { return n.nameFault("", "").place() }

// Place is the file in which the node's name stands, and the line, from 1; "" and 0 if no
// file has it.
func (n Node) Place() (file string, line int) {
	at := n.nameFault("", "")
	return at.File, at.Line
}

// joinPath leads from a path into a field.
func joinPath(path, name string) string {
	if path == "" {
		return segment(name)
	}
	return path + "." + segment(name)
}

// segment is a name as a path shows it: quoted if it is no plain word, masked if
// it may be a value.
func segment(name string) string {
	switch {
	case !showable(name):
		return mask
	case strings.Contains(name, "."):
		return `"` + name + `"`
	default:
		return name
	}
}

func isMapping(y *yaml.Node) bool { return y != nil && y.Kind == yaml.MappingNode }

func isScalar(y *yaml.Node) bool { return y != nil && y.Kind == yaml.ScalarNode }
