package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	mask         = "***"
	maxExcerpt   = 160  // characters shown
	maxRendering = 1000 // bytes of a line that is looked at at all
)

// span is where a node begins on its line.
type span struct {
	column int // from 1
	node   *yaml.Node
	name   bool // the name of a field or an entry: it may be shown
}

// excerpt is a line of the file with every value, comment, anchor and tag masked:
// names of fields and the structure stay. caret is where column went.
func (d *document) excerpt(line, column int) (text string, caret int, ok bool) {
	if d == nil || line < 1 || line > len(d.lines) {
		return "", 0, false
	}
	if len(d.lines[line-1]) > maxRendering {
		return "", 0, false
	}
	src := []rune(strings.TrimRight(d.lines[line-1], "\r"))
	if d.root == nil {
		text, caret = unparsed(src, column)
	} else {
		text, caret = d.render(src, line, column)
	}
	text = strings.TrimRight(text, " ")
	indent := len(text) - len(strings.TrimLeft(text, " "))
	indent = min(indent, caret)
	text, caret = text[indent:], caret-indent
	if text == "" || utf8.RuneCountInString(text) > maxExcerpt {
		return "", 0, false
	}
	return text, caret, true
}

// render writes the line anew from the nodes that begin on it. What is not known
// to be a name or structure is masked.
func (d *document) render(src []rune, line, column int) (string, int) {
	var b strings.Builder
	spans, caret, out := d.starts(line), -1, 0
	emit := func(s string, from, to int) { // s stands for src[from:to]
		if caret < 0 && column-1 < to {
			caret = out
			if s != mask {
				caret += max(0, column-1-from)
			}
		}
		if s == mask && strings.HasSuffix(b.String(), mask) {
			return
		}
		b.WriteString(s)
		out += utf8.RuneCountInString(s)
	}
	for i := 0; i < len(src); {
		for len(spans) > 0 && spans[0].column-1 < i {
			spans = spans[1:]
		}
		switch r := src[i]; {
		case len(spans) > 0 && spans[0].column-1 == i:
			end := scalarEnd(src, i, spans[0].node)
			if text := string(src[i:end]); spans[0].name && showable(strings.Trim(text, `"'`)) {
				emit(text, i, end)
			} else {
				emit(mask, i, end)
			}
			i = max(end, i+1)
		case r == '#' && (i == 0 || src[i-1] == ' ' || src[i-1] == '\t'):
			i = len(src)
		case strings.ContainsRune(" []{},:-?", r):
			emit(string(r), i, i+1)
			i++
		case r == '\t':
			emit(" ", i, i+1)
			i++
		default: // an anchor, a tag, a text that began on a line before
			emit(mask, i, i+1)
			i++
		}
	}
	if caret < 0 {
		caret = out
	}
	return b.String(), caret
}

// scalarEnd is the end of a scalar on the line on which it begins, as an index
// into src. Where that is not certain, it is the end of the line.
func scalarEnd(src []rune, start int, y *yaml.Node) int {
	value := []rune(y.Value)
	switch {
	case y.Kind == yaml.AliasNode:
		for i := start; i < len(src); i++ {
			if strings.ContainsRune(" ,]}", src[i]) {
				return i
			}
		}
	case y.Anchor != "" || y.Style&yaml.TaggedStyle != 0:
	case y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		quote := src[start]
		for i := start + 1; i < len(src); i++ {
			switch {
			case quote == '"' && src[i] == '\\', quote == '\'' && src[i] == '\'' && i+1 < len(src) && src[i+1] == '\'':
				i++
			case src[i] == quote:
				return i + 1
			}
		}
	case start+len(value) <= len(src) && slices.Equal(src[start:start+len(value)], value):
		return start + len(value)
	}
	return len(src)
}

// starts lists the scalars and aliases that begin on a line, by column.
func (d *document) starts(line int) []span {
	if d.spans == nil {
		d.spans = make(map[int][]span)
		d.index(d.root, false)
		for _, s := range d.spans {
			slices.SortFunc(s, func(a, b span) int { return a.column - b.column })
		}
	}
	return d.spans[line]
}

func (d *document) index(y *yaml.Node, name bool) {
	if y.Kind == yaml.AliasNode || y.Kind == yaml.ScalarNode && (y.Value != "" || y.Style != 0) {
		d.spans[y.Line] = append(d.spans[y.Line], span{column: y.Column, node: y, name: name && y.Kind == yaml.ScalarNode})
		return
	}
	for i, c := range y.Content {
		d.index(c, y.Kind == yaml.MappingNode && i%2 == 0)
	}
}

// unparsed masks a line of a file that could not be parsed: what is shown is
// only a field's name of livekey's own, because anything else may be a value.
func unparsed(src []rune, column int) (string, int) {
	line := strings.ReplaceAll(string(src), "\t", " ")
	m := leadingField.FindStringSubmatchIndex(line)
	if m == nil || !slices.Contains(fieldNames, line[m[2]:m[3]]) {
		blank := len(line) - len(strings.TrimLeft(line, " "))
		return line[:blank] + mask, min(max(0, column-1), blank)
	}
	if strings.TrimSpace(line[m[1]:]) == "" {
		return line[:m[1]], min(column-1, m[1])
	}
	return line[:m[1]] + " " + mask, min(max(0, column-1), m[1]+1)
}

var leadingField = regexp.MustCompile(`^ *(?:- +)*([a-z_]+):`)

// fieldNames are the words that an unparsed line may show.
var fieldNames = []string{
	"sources", "keys", "sinks", "alerts", "providers", "policy", "startup_wait", "state_dir", "salt_file", "socket",
	"metrics", "log", "level", "format", "kind", "address", "auth", "method", "from", "provider", "base_url", "optional", "env",
	"path", "dialect", "mode", "owner", "group", "adopt", "complete", "url", "secret_file", "token_file", "refresh",
	"probe", "confirm", "times", "over", "on_unknown", "grace", "budget", "allow_rollback", "watch_previous", "with",
	"expect", "identity", "form", "trim", "lint", "allow", "file", "require_tmpfs", "holders", "files",
}

var safeName = newWord("[A-Za-z_]", "[A-Za-z0-9_./-]", 128)

// Shown is a name as it may be printed, masked if it may be a value: for names that
// somebody wrote where a key could have slipped in.
func Shown(name string) string {
	if !showable(name) {
		return mask
	}
	return name
}

// showable says whether the name of a field or entry may be printed. A value
// that slipped into the place of a name may not.
func showable(name string) bool {
	return (safeName.MatchString(name) || name == "<<") && !looksSecret(name)
}
