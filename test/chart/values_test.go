package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const page = "../../docs/helm.md"

// A value is a leaf of values.yaml: its path, its default, and the comment above it.
type value struct{ path, standard, about string }

func values(t *testing.T) (all []value) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, chartDir+"/values.yaml")), &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, n *yaml.Node)
	walk = func(prefix string, n *yaml.Node) {
		for i := 0; i < len(n.Content); i += 2 {
			name, v := n.Content[i], n.Content[i+1]
			if name.HeadComment == "" && v.Kind == yaml.MappingNode {
				walk(prefix+name.Value+".", v)
				continue
			}
			all = append(all, value{prefix + name.Value, flow(t, v), regexp.MustCompile(`\n?# ?`).ReplaceAllString(name.HeadComment, " ")})
		}
	}
	walk("", doc.Content[0])
	return all
}

// flow is a value on one line.
func flow(t *testing.T, n *yaml.Node) string {
	t.Helper()
	one := *n
	one.Style |= yaml.FlowStyle
	one.HeadComment, one.LineComment, one.FootComment = "", "", ""
	for _, c := range one.Content {
		c.Style |= yaml.FlowStyle
	}
	b, err := yaml.Marshal(&one)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// The page shows every value, and the examples that every other test is run with.
func TestThePageShowsWhatIsThere(t *testing.T) {
	t.Parallel()
	table := "| value | default | what it is |\n|---|---|---|\n"
	for _, v := range values(t) {
		if v.about == "" {
			t.Errorf("%s has no comment in values.yaml", v.path)
		}
		table += fmt.Sprintf("| `%s` | `%s` |%s |\n", v.path, v.standard, v.about)
	}
	is := between(t, read(t, page), "values", table)
	for _, mode := range modes {
		name := "ci/" + mode + "-values.yaml"
		is = between(t, is, name, "```yaml\n"+read(t, ci(mode))+"```\n")
	}
	_, pod, ok := strings.Cut(read(t, "testdata/app/templates/deployment.yaml"), "  template:\n")
	if !ok {
		t.Fatal("the app has no pod")
	}
	made(t, page, between(t, is, "app", "```yaml\n  template:\n"+pod+"```\n"))
}

// between puts content between the two comments of a name.
func between(t *testing.T, page, name, content string) string {
	t.Helper()
	begin, end := "<!-- "+name+": made by test/chart -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("no %q, or no end of it", begin)
	}
	return before + begin + content + end + after
}

// A value that the schema does not know is refused, so each has to be in both.
func TestTheSchemaKnowsTheValuesAndNoOthers(t *testing.T) {
	t.Parallel()
	var schema object
	if err := json.Unmarshal([]byte(read(t, chartDir+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	var walk func(prefix string, s object)
	walk = func(prefix string, s object) {
		if s["additionalProperties"] != false {
			known[strings.TrimSuffix(prefix, ".")] = true
			return
		}
		for name, property := range s["properties"].(map[string]any) {
			walk(prefix+name+".", property.(map[string]any))
		}
	}
	walk("", schema)
	delete(known, "global") // helm's own
	for _, v := range values(t) {
		if !known[v.path] {
			t.Errorf("the schema does not know %s", v.path)
		}
		delete(known, v.path)
	}
	if len(known) > 0 {
		t.Errorf("the schema knows what values.yaml does not have: %v", slices.Sorted(maps.Keys(known)))
	}
}

// A misspelt section of the config is refused before it is installed.
func TestTheSchemaKnowsTheSectionsOfAConfig(t *testing.T) {
	t.Parallel()
	var config struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(read(t, "../../configs/livekey.schema.json")), &config); err != nil {
		t.Fatal(err)
	}
	names, err := json.Marshal(slices.Sorted(maps.Keys(config.Properties)))
	if err != nil {
		t.Fatal(err)
	}
	path := chartDir + "/values.schema.json"
	line := regexp.MustCompile(`"propertyNames": \{"enum": .*\}`)
	made(t, path, line.ReplaceAllString(read(t, path), `"propertyNames": {"enum": `+strings.ReplaceAll(string(names), ",", ", ")+`}`))
}
