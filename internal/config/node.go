package config

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Node is one part of the configuration that somebody else decodes: what is left
// of an entry after the core took its own fields.
type Node struct {
	file string // for faults
	path string // "sinks.app"
	yaml *yaml.Node
}

// Parse makes a Node of a text, for tests and built-in defaults.
func Parse(file, path, text string) (Node, error) {
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		return Node{}, fmt.Errorf("parse %s: %w", file, err)
	}
	n := Node{file: file, path: path}
	if len(doc.Content) > 0 {
		n.yaml = doc.Content[0]
	}
	return n, nil
}

// Decode fills into, a pointer to a struct that already holds the defaults, with
// yaml tags. A field that the struct does not have is a fault; every fault
// is returned, joined, each with file, line, column, path and hint.
func (n Node) Decode(into any) error {
	if n.yaml == nil {
		return nil
	}
	return n.yaml.Load(into, yaml.WithKnownFields())
}

// Fault is an error about field of this node ("" is the node itself), placed where it stands in
// the file. It never quotes a value.
func (n Node) Fault(field, format string, args ...any) error {
	return errors.New(n.path + "." + field + ": " + fmt.Sprintf(format, args...))
}
