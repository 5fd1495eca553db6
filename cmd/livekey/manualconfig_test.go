package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/config"
)

const (
	configPage = "livekey.yaml.5"
	reference  = "../../configs/reference.yaml"
)

// settingsPage makes livekey.yaml(5) of the reference: each field in its order, with the
// value that stands there and the comment as its text.
type settingsPage struct {
	strings.Builder

	help map[string]string // by path
}

func makeConfigPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	help, err := config.Comments(reference, string(text))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	p := &settingsPage{help: help}
	p.WriteString(`.nh
.TH "LIVEKEY.YAML" "5" "" "livekey" "livekey manual"

.SH NAME
livekey.yaml - configuration of livekey


.SH SYNOPSIS
/etc/livekey/livekey.yaml
.br
/etc/livekey/livekey.d/*.yaml
.br
$XDG_CONFIG_HOME/livekey/livekey.yaml


.SH DESCRIPTION
`)
	intro := doc.HeadComment
	if intro == "" {
		intro = doc.Content[0].HeadComment
	}
	p.intro(intro)
	var settings []*yaml.Node // that are in no section
	root := doc.Content[0].Content
	for i := 0; i < len(root); i += 2 {
		name, value := root[i], root[i+1]
		if value.Kind != yaml.MappingNode || value.Style&yaml.FlowStyle != 0 {
			settings = append(settings, name, value)
			continue
		}
		fmt.Fprintf(p, "\n\n.SH %s\n", strings.ToUpper(name.Value))
		p.text(help[name.Value])
		p.section(name.Value, value)
	}
	p.WriteString("\n\n.SH OTHER SETTINGS\n")
	p.fields("", "", settings)
	p.WriteString("\n\n.SH SEE ALSO\n\\fBlivekey(1)\\fP, \\fBlivekey-config(1)\\fP, \\fBlivekey-run(1)\\fP\n")
	return p.String()
}

// intro is the comment at the head of the file, a paragraph for each.
func (p *settingsPage) intro(comment string) {
	for i, paragraph := range strings.Split(comment, "\n#\n") {
		var words []string
		for line := range strings.Lines(paragraph) {
			if line = strings.TrimLeft(line, "# "); !strings.HasPrefix(line, "yaml-language-server") {
				words = append(words, strings.Fields(line)...)
			}
		}
		if i > 0 {
			p.WriteString(".PP\n")
		}
		p.text(strings.Join(words, " "))
	}
}

// section has fields, or entries of any name that have fields.
func (p *settingsPage) section(path string, section *yaml.Node) {
	var direct []*yaml.Node
	for i := 0; i < len(section.Content); i += 2 {
		name, value := section.Content[i], section.Content[i+1]
		if value.Kind != yaml.MappingNode || path == "policy" || path == "holders" {
			direct = append(direct, name, value)
			continue
		}
		at := path + "." + name.Value
		fmt.Fprintf(p, "\n.SS %s\n", escape(at))
		p.text(p.help[at])
		p.fields(at, "", value.Content)
	}
	p.fields(path, "", direct)
}

// fields are pairs of name and value below a path. What is nested is named by its way
// from there.
func (p *settingsPage) fields(path, within string, pairs []*yaml.Node) {
	for i := 0; i < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		at, label := strings.TrimPrefix(path+"."+name.Value, "."), within+name.Value
		nested := value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0
		steps := value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0
		fmt.Fprintf(p, ".TP\n\\fB%s\\fP", escape(label))
		if !nested && !steps {
			p.WriteString(": " + escape(shown(value)))
		}
		p.WriteString("\n")
		p.text(p.help[at])
		switch {
		case nested:
			p.fields(at, label+".", value.Content)
		case steps:
			for j, step := range value.Content {
				p.fields(fmt.Sprintf("%s[%d]", at, j), label+"[].", step.Content)
			}
		}
	}
}

// shown is a value on one line, as one may write it.
func shown(value *yaml.Node) string {
	bare := *value
	bare.LineComment, bare.HeadComment, bare.FootComment = "", "", ""
	text, err := yaml.Marshal(&bare)
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// text is a paragraph; a field without a comment speaks for itself.
func (p *settingsPage) text(words string) {
	if words == "" {
		words = "\\&"
	} else {
		words = escape(words)
	}
	p.WriteString(words + "\n")
}

// escape keeps words from being taken for orders to roff.
func escape(words string) string {
	words = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "…", `\&...`).Replace(words)
	if strings.HasPrefix(words, ".") {
		words = `\&` + words
	}
	return words
}
