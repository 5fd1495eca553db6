package catalog

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// remarks are the comments of a provider's file, by what they stand above: "request",
// "rules/3", "variants/0/rules/1".
type remarks map[string]string

func readRemarks(t testing.TB, text string) remarks {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	r := remarks{}
	if len(doc.Content) > 0 {
		r.walk("", doc.Content[0])
	}
	return r
}

func (r remarks) walk(path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, value := n.Content[i], n.Content[i+1]
			at := strings.TrimPrefix(path+"/"+name.Value, "/")
			above := at
			if i == 0 && path != "" {
				above = path // what stands above the first field of an item is about the item
			}
			r.add(above, name.HeadComment)
			r.walk(at, value)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s/%d", path, i)
			r.add(at, item.HeadComment)
			r.walk(at, item)
		}
	default:
	}
}

// add keeps a comment as one paragraph.
func (r remarks) add(path, comment string) {
	var lines []string
	for line := range strings.Lines(comment) {
		if line = strings.TrimSpace(strings.TrimLeft(line, "# \t")); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 {
		r[path] = strings.TrimSpace(r[path] + " " + strings.Join(lines, " "))
	}
}

func TestRemarksStandAboveWhatTheyAreAbout(t *testing.T) {
	r := readRemarks(t, `# About all.
id: x
# About the request,
# in two lines.
request:
  # About the method.
  method: GET
  # About the address.
  url: u
rules:
  # About the first.
  - {status: [200]}
  # About the second.
  - status: [401]
    # About its reason.
    reason: invalid
  - {status: [403]}
`)
	for path, want := range map[string]string{
		"id": "About all.", "request": "About the request, in two lines. About the method.", "request/url": "About the address.",
		"rules/0": "About the first.", "rules/1": "About the second.", "rules/1/reason": "About its reason.", "rules/2": "",
	} {
		if r[path] != want {
			t.Errorf("%s: got %q, want %q", path, r[path], want)
		}
	}
}
