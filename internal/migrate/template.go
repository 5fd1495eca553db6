package migrate

import (
	"regexp"
	"strconv"
	"strings"
)

const noTemplates = "livekey delivers env files and single values, and has no templates: let the app read its key from one of these"

// A piece of a template is a text, or a field of a secret in its place.
type piece struct {
	text  string
	value *value
}

// frame is one with, range or if that is open.
type frame struct {
	path     string // of its secret; "" for what is left out
	variable string // $s of {{ with $s := secret … }}
}

// templateReader reads a template without executing it.
type templateReader struct {
	leave  func(line int, what, why string)
	open   []frame
	pieces []piece
}

// readTemplate is what a template makes of secrets. Whatever is not as simple as a
// secret's field is left out.
func (r *reader) readTemplate(text, left, right string, line int) []piece {
	t := &templateReader{leave: r.leave}
	trimNext := false
	for text != "" {
		before, rest, found := strings.Cut(text, left)
		next := line + strings.Count(before, "\n")
		if trimNext {
			before = strings.TrimLeft(before, " \t\r\n")
		}
		action, after, closed := strings.Cut(rest, right)
		inner, trims := strings.CutPrefix(action, "- ")
		if found && trims {
			before = strings.TrimRight(before, " \t\r\n")
		}
		t.put(piece{text: before})
		if !found {
			break
		}
		if !closed {
			r.leave(next, "template", "an action has no end")
			break
		}
		inner, trimNext = strings.CutSuffix(inner, " -")
		t.action(strings.TrimSpace(inner), next)
		line = next + strings.Count(action, "\n")
		text = after
	}
	return t.pieces
}

// put adds a piece, unless it stands where nothing is taken from.
func (t *templateReader) put(p piece) {
	for _, f := range t.open {
		if f.path == "" {
			return
		}
	}
	t.pieces = append(t.pieces, p)
}

var actionWord = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|:=|[(),|]|[^\\s\"(),|`]+")

// action reads what stands between {{ and }}.
func (t *templateReader) action(text string, line int) {
	if strings.HasPrefix(text, "/*") {
		return
	}
	words := actionWord.FindAllString(text, -1)
	if len(words) == 0 {
		return
	}
	switch words[0] {
	case "end":
		if len(t.open) > 0 {
			t.open = t.open[:len(t.open)-1]
		}
	case "with":
		t.open = append(t.open, t.with(words[1:], line))
	case "range", "if", "block", "define":
		t.leave(line, "template: "+words[0], "livekey delivers what it names, always: name each key")
		t.open = append(t.open, frame{})
	case "else":
		t.leave(line, "template: else", "there is no other text in place of a key")
		if len(t.open) > 0 {
			t.open[len(t.open)-1].path = ""
		}
	default:
		t.field(words, line)
	}
}

// with reads {{ with secret "path" }}.
func (t *templateReader) with(words []string, line int) frame {
	var f frame
	if len(words) > 2 && strings.HasPrefix(words[0], "$") && words[1] == ":=" {
		f.variable, words = words[0], words[2:]
	}
	if len(words) == 2 && words[0] == "secret" {
		f.path = unquoted(words[1])
	}
	if f.path == "" {
		t.leave(line, "template: with", "livekey reads static secrets of the KV engines, one path each")
	}
	return f
}

// field reads {{ .Data.data.name }}, and what means the same.
func (t *templateReader) field(words []string, line int) {
	v := value{line: line}
	head, filters := words, []string(nil)
	for i, w := range words {
		if w == "|" {
			head, filters = words[:i], words[i:]
			break
		}
	}
	known := t.head(head, &v)
	for len(filters) >= 2 && filters[0] == "|" {
		switch filters[1] {
		case "trimSpace":
			v.trim = true
		case "base64Decode":
			v.base64 = true
		default:
			known = false
		}
		filters = filters[2:]
	}
	if !known || len(filters) > 0 {
		t.leave(line, "template", "this action is more than one field of a KV secret: name the key in livekey's config by hand, if it is one")
		t.put(piece{text: "\x00"}) // its line is no plain assignment
		return
	}
	t.put(piece{value: &v})
}

// head reads what an action begins with, and says whether it is a field.
func (t *templateReader) head(words []string, v *value) bool {
	last := ""
	if len(words) == 3 && words[0] == "index" { // fields with a name that no dot could lead to
		if last = unquoted(words[2]); last == "" {
			return false
		}
		words = words[1:2]
	}
	var chain string
	switch {
	case len(words) == 5 && words[0] == "(" && words[1] == "secret" && words[3] == ")":
		v.path, chain = unquoted(words[2]), words[4]
	case len(words) == 1 && strings.HasPrefix(words[0], "$"):
		name, rest, _ := strings.Cut(words[0], ".")
		chain = "." + rest
		for _, f := range t.open {
			if f.variable == name {
				v.path = f.path
			}
		}
	case len(words) == 1 && len(t.open) > 0:
		v.path, chain = t.open[len(t.open)-1].path, words[0]
	}
	steps := strings.Split(strings.TrimPrefix(chain, "."), ".")
	if v.path == "" || steps[0] != "Data" {
		return false
	}
	steps = steps[1:]
	if len(steps) > 0 && steps[0] == "data" {
		v.two, steps = true, steps[1:]
	}
	if last != "" {
		steps = append(steps, last)
	}
	for _, s := range steps {
		if s == "" || strings.ContainsAny(s, "/~#\x00\n\r\t") {
			return false
		}
	}
	v.fields = steps
	return len(steps) > 0
}

// unquoted is a text of a template, "" if it is none.
func unquoted(s string) string {
	text, err := strconv.Unquote(s)
	if err != nil || strings.ContainsAny(text, "\n\r\x00") {
		return ""
	}
	return text
}
