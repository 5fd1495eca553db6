package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// What a config may be at most. A real one is a hundredth of it.
const (
	maxSize    = 1 << 20
	maxDepth   = 64
	maxAliased = 10_000 // nodes reached through aliases
)

// document is one file as it was read: for faults, and as the tree.
type document struct {
	file  string
	order int // 0 the main file, then the drop-ins
	text  []byte
	lines []string
	root  *yaml.Node // nil: empty, or not readable

	secrets map[*yaml.Node]bool // found by vet: one fault for each is enough
	spans   map[int][]span      // made when the first excerpt is asked for
}

func (d *document) rank() int {
	if d == nil {
		return 0
	}
	return d.order
}

// fault is a fault of this document at a line and column.
func (d *document) fault(line, column int, path, message, hint string) Fault {
	return Fault{File: d.file, Line: line, Column: column, Path: path, Message: message, Hint: hint, doc: d}
}

// open makes the tree of the text. Of a text that is no YAML it says where.
func (d *document) open() error {
	if len(d.text) > maxSize {
		return d.fault(0, 0, "", "larger than 1 MiB", "move entries into livekey.d")
	}
	text := bytes.TrimPrefix(d.text, []byte("\ufeff"))
	d.text = nil
	d.lines = strings.Split(string(text), "\n")
	if err := d.readable(text); err != nil {
		return err
	}
	guard := &guard{}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(guard))
	if err != nil {
		return fmt.Errorf("set up YAML reader: %w", err)
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil // nothing but comments
	case err != nil:
		return d.syntax(err, guard)
	}
	var second yaml.Node
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return d.fault(d.separator(), 1, "", "a second document begins here; a config is one",
			"remove the line ---, or move what follows into livekey.d")
	}
	if len(doc.Content) > 0 {
		d.root = doc.Content[0]
	}
	return nil
}

// separator is the line that begins the second document.
func (d *document) separator() int {
	said := false
	for i, l := range d.lines {
		switch {
		case strings.HasPrefix(l, "---") && said, strings.HasPrefix(l, "...") && said:
			return i + 1
		case strings.HasPrefix(l, "---"), strings.TrimSpace(l) != "" && !strings.HasPrefix(strings.TrimSpace(l), "#"):
			said = true
		}
	}
	return len(d.lines)
}

// readable finds bytes that no YAML has; the library tells no place for them.
func (d *document) readable(text []byte) error {
	line, column := 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return d.fault(line, column, "", "not UTF-8 text", "save the file as UTF-8")
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r >= 0x7f && r < 0xa0 && r != 0x85:
			return d.fault(line, column, "", "a control character", "remove it")
		}
		text = text[size:]
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

// syntax places an error of the YAML library. Its own text quotes what it read,
// so nothing of it is passed on.
func (d *document) syntax(err error, g *guard) error {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return d.fault(0, 0, "", "not valid YAML", "")
	}
	line, column := max(1, at.Mark.Line), max(1, at.Mark.Column)
	if g.deep {
		return d.fault(line, column, "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "")
	}
	message, hint := "not valid YAML", ""
	switch char := d.char(line, column); {
	case char == '\t':
		message, hint = "a tab; YAML is indented with blanks", "replace tabs by blanks"
	case strings.ContainsRune("`@%", char):
		message, hint = "a plain text cannot begin with this character", "put it in quotes"
	case char == '*':
		message, hint = "an alias without its anchor", "put the text in quotes, or define the anchor before"
	case at.ContextMark.Line > 0 && at.ContextMark.Line < line:
		message = fmt.Sprintf("not valid YAML: what began at line %d, column %d does not end as it should",
			at.ContextMark.Line, max(1, at.ContextMark.Column))
		hint = "close the quote or bracket, or check the indentation"
	case char == ':':
		message, hint = "a second \": \" on the line", "put the text in quotes"
	}
	return d.fault(line, column, "", message, hint)
}

// char is the character at a place, 0 if there is none.
func (d *document) char(line, column int) rune {
	if line < 1 || line > len(d.lines) {
		return 0
	}
	for _, r := range d.lines[line-1] {
		if column--; column == 0 {
			return r
		}
	}
	return 0
}

// guard holds the limits of nesting while the text is scanned.
type guard struct{ deep bool }

// errLimit stops the YAML library; what it says is not shown.
var errLimit = errors.New("limit")

func (g *guard) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		g.deep = true
		return errLimit
	}
	return nil
}

// CheckAlias has nothing to do: vet counts what aliases expand to.
func (*guard) CheckAlias(int, int) error { return nil }

// target follows an alias.
func target(y *yaml.Node) *yaml.Node {
	for hops := 0; y != nil && y.Kind == yaml.AliasNode && hops < maxDepth; hops++ {
		y = y.Alias
	}
	return y
}
