package config

import (
	"iter"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Where says where field of this node stands, for a person: "livekey.yaml:3:5:
// sinks.app.group".
func (n Node) Where(field string) string {
	f := n.fault(field, "", "")
	return f.place() + ": " + f.Path
}

// Where says where a setting of the config itself stands: "livekey.yaml:3:1: state_dir".
func (c *Config) Where(setting string) string {
	if n, ok := c.said[setting]; ok {
		return n.Where("")
	}
	return setting + ", by default"
}

// Files are the files that this node names, at any depth, and where: the fields file,
// kubeconfig and *_file, which every kind calls so.
func (n Node) Files() iter.Seq2[string, string] {
	return func(yield func(where, path string) bool) { n.files(yield) }
}

func (n Node) files(yield func(where, path string) bool) bool {
	y := target(n.yaml)
	if y == nil || y.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		child := n.child(y.Content[i], y.Content[i+1])
		name, value := y.Content[i].Value, target(child.yaml)
		switch {
		case value.Kind == yaml.MappingNode:
			if !child.files(yield) {
				return false
			}
		case isScalar(value) && (name == "file" || name == "kubeconfig" || strings.HasSuffix(name, "_file")):
			if !yield(child.Where(""), value.Value) {
				return false
			}
		}
	}
	return true
}
