package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Shapes are the structs that the core decodes its own parts of a config into, by
// where they stand: "" is a file, "keys.*" each key. What they leave as a Node has a shape
// of its own here, or belongs to a kind.
func Shapes() map[string]any {
	return map[string]any{
		"": top{}, "keys.*": keySpec{}, "policy": policySpec{}, "log": Log{}, "providers.*": providerSpec{}, "peers.*": peerSpec{},
		"keys.*.revoke": revokeSpec{}, "keys.*.revoke.anthropic": AnthropicAdmin{},
		"keys.*.reports": reportsSpec{}, "keys.*.reports.journal": journalSpec{}, "keys.*.reports.file": fileSpec{},
		"holders":           Holders{},
		"lease":             Lease{},
		"sinks.*.on_change": onChangeSpec{}, "sinks.*.on_change.steps": stepSpec{},
	}
}

// What names look like, for whoever describes a config.
var (
	KeyNames      = safeName.String()
	EntryNames    = sourceName.String()
	VariableNames = variableName.String()
	PartNames     = partName.String()
)

// Comments are the comments of a config, above a field or behind it, by the field's path.
func Comments(file, text string) (map[string]string, error) {
	n, err := Parse(file, "", text)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	gatherComments(n, all)
	return all, nil
}

func gatherComments(n Node, all map[string]string) {
	y := target(n.yaml)
	if y != nil && y.Kind == yaml.SequenceNode {
		for i, item := range y.Content {
			gatherComments(n.item(i, item), all)
		}
		return
	}
	if !isMapping(y) {
		return
	}
	for pair := range slices.Chunk(y.Content, 2) {
		name, value := pair[0], pair[1]
		child := n.child(name, value)
		if text := plainComment(name.HeadComment, name.LineComment, value.HeadComment, value.LineComment); text != "" {
			all[child.path] = text
		}
		if value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode {
			gatherComments(child, all)
		}
	}
}

// plainComment is the text of comments as one paragraph. Of those above a field, only what an empty
// line does not part from it counts.
func plainComment(comments ...string) string {
	var words []string
	for _, c := range comments {
		if at := strings.LastIndex(c, "\n\n"); at >= 0 {
			c = c[at:]
		}
		for line := range strings.Lines(c) {
			words = append(words, strings.Fields(strings.TrimLeft(line, "# \t"))...)
		}
	}
	return strings.Join(words, " ")
}
