package config

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestNoValueIsEverPrinted puts a canary in the place of each value of the
// reference in turn, in forms that fail in different ways, and a secret in the
// place of each name.
func TestNoValueIsEverPrinted(t *testing.T) {
	text, err := os.ReadFile("../../configs/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		t.Fatal(err)
	}
	values, names := scalars(&doc)
	if len(values) < 50 || len(names) < 50 {
		t.Fatalf("the reference has %d values and %d names, want more", len(values), len(names))
	}
	refused := 0
	try := func(y *yaml.Node, value string, style yaml.Style) {
		was := *y
		defer func() { *y = was }()
		y.Value, y.Tag, y.Style = value, "!!str", style
		changed, err := yaml.Dump(&doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read("f.yaml", changed, exampleKinds)
		if err == nil {
			return
		}
		refused++
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q in line %d of the reference is printed:\n%v", value, was.Line, err)
		}
	}
	for _, y := range values {
		for _, value := range []string{
			"canary", "canary://canary#canary", "sk-ant-api03-canarycanary", "https://canary:canary@canary/", "canary # canary: [canary",
			"one\ncanary: two\n", "\u00e9canary", "env_filecanary",
		} {
			try(y, value, yaml.DoubleQuotedStyle)
		}
		try(y, "canary", 0)
		try(y, "canary: one\ncanary: two\n", yaml.LiteralStyle)
		try(y, "canary one\ncanary two\n", yaml.FoldedStyle)
	}
	for _, y := range names {
		try(y, "sk-ant-api03-canarycanary", 0)
		try(y, "can't be canary", yaml.SingleQuotedStyle)
		try(y, "\"canary\" \\ canary", yaml.DoubleQuotedStyle)
	}
	if refused < 500 {
		t.Errorf("only %d of the changed configs were refused: the test proves little", refused)
	}
}

// scalars lists the values and the names of fields and entries.
func scalars(y *yaml.Node) (values, names []*yaml.Node) {
	for i, c := range y.Content {
		switch {
		case c.Kind != yaml.ScalarNode:
			v, n := scalars(c)
			values, names = append(values, v...), append(names, n...)
		case y.Kind == yaml.MappingNode && i%2 == 0:
			names = append(names, c)
		default:
			values = append(values, c)
		}
	}
	return values, names
}

func TestExcerptOfABrokenFileShowsFieldsOnly(t *testing.T) {
	for line, want := range map[string]string{
		"  path: canary":          "path: ***",
		"- kind: canary":          "- kind: ***",
		"canary: canary":          "***",
		"sk-ant-canary":           "***",
		"policy:":                 "policy:",
		"  canary, path: canary":  "***",
		"# path: canary":          "***",
		"\tpath: canary # canary": "path: ***",
	} {
		d := &document{file: "f", lines: []string{line}}
		if got, _, ok := d.excerpt(1, len(line)); !ok || got != want {
			t.Errorf("the excerpt of %q is %q, want %q", line, got, want)
		}
	}
}

// The names of entries are offered where another is unknown; a secret that slipped into
// the place of one is not.
func TestASecretInPlaceOfANameIsNotOffered(t *testing.T) {
	const secret = "sk-ant-api03-canarycanary"
	_, err := Read("f.yaml", []byte("sources:\n  "+secret+": {kind: file}\nkeys:\n  A: {from: \"elsewhere://a\"}\n"), testKinds)
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "one of env, file or vault") {
		t.Errorf("err = %v", err)
	}
}
