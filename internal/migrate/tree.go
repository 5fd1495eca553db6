package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/scanner"
	"github.com/hashicorp/hcl/hcl/token"
)

// A node is a block or a field of a config.
type node struct {
	parent *node
	name   string
	label  string // of a block: method "approle" {…}
	line   int
	scalar bool
	text   string  // of a scalar
	first  int     // the line that a scalar's text begins in
	items  []*node // of a block, or of a list, where they have no name
	seen   bool
}

// maxDepth is how deep blocks may be nested.
const maxDepth = 100

// parse reads HCL as Vault and consul-template do. The error never quotes the text.
func parse(text []byte) (_ *node, err error) {
	defer func() { // the parser panics at some of what its scanner lets pass
		if recover() != nil {
			err = errors.New("read config: it is no HCL")
		}
	}()
	if len(text) > MaxSize {
		return nil, errors.New("read config: more than 1 MiB is no config")
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, errors.New("read config: JSON is not read: write it as HCL, which these tools read too")
	}
	if tooDeep(text) {
		return nil, errors.New("read config: it is nested too deep")
	}
	f, err := parser.ParseDontErrorOnDuplicateKeys(text)
	if err != nil {
		if at, ok := errors.AsType[*parser.PosError](err); ok {
			return nil, fmt.Errorf("read config: line %d is no HCL", at.Pos.Line)
		}
		return nil, errors.New("read config: it is no HCL")
	}
	root := &node{line: 1, seen: true}
	list, ok := f.Node.(*ast.ObjectList)
	if !ok {
		return nil, errors.New("read config: it is no HCL")
	}
	root.fill(list)
	return root, nil
}

// tooDeep asks the scanner, since a bracket in a comment or a text closes nothing: the parser
// calls itself for each level, and what ends its stack ends the process.
func tooDeep(text []byte) bool {
	depth := 0
	s := scanner.New(text)
	s.Error = func(token.Pos, string) {} // it would print
	for {
		switch s.Scan().Type {
		case token.LBRACE, token.LBRACK:
			depth++
		case token.RBRACE, token.RBRACK:
			depth--
		case token.EOF, token.ILLEGAL: // the parser says what is wrong
			return false
		default: // no bracket
		}
		if depth > maxDepth {
			return true
		}
	}
}

func (n *node) fill(list *ast.ObjectList) {
	for _, item := range list.Items {
		if len(item.Keys) == 0 {
			continue
		}
		c := &node{parent: n, name: word(item.Keys[0].Token), line: item.Pos().Line}
		if len(item.Keys) > 1 {
			c.label = word(item.Keys[1].Token)
		}
		n.items = append(n.items, c.filled(item.Val)...)
	}
}

// filled is n with what stands behind its name; several for a list of blocks.
func (n *node) filled(v ast.Node) []*node {
	switch v := v.(type) {
	case *ast.LiteralType:
		n.scalar, n.text, n.first = true, word(v.Token), v.Pos().Line
		if v.Token.Type == token.HEREDOC {
			n.first++
		}
	case *ast.ObjectType:
		n.fill(v.List)
	case *ast.ListType:
		var blocks []*node
		for _, item := range v.List {
			c := &node{parent: n, line: item.Pos().Line}
			if _, block := item.(*ast.ObjectType); block {
				c.parent, c.name, c.label = n.parent, n.name, n.label
				blocks = append(blocks, c.filled(item)...)
			} else {
				n.items = append(n.items, c.filled(item)...)
			}
		}
		if len(blocks) > 0 {
			return blocks
		}
	}
	return []*node{n}
}

func word(t token.Token) string {
	if t.Type == token.STRING || t.Type == token.HEREDOC {
		text, _ := t.Value().(string)
		return text
	}
	return t.Text
}

// any says whether n has a block or field of one of these names.
func (n *node) any(names ...string) bool {
	return slices.ContainsFunc(n.items, func(c *node) bool { return slices.Contains(names, c.name) })
}

// take are the blocks or fields of a name, which are seen from now on. Inlined into its
// callers, it and field would be a third of the package in the binary.
//
//go:noinline
func (n *node) take(name string) []*node {
	var all []*node
	for _, c := range n.items {
		if c.name == name {
			c.seen = true
			all = append(all, c)
		}
	}
	return all
}

// block is the last block of a name, an empty one if there is none.
//
//go:noinline
func (n *node) block(name string) *node {
	all := n.take(name)
	if len(all) == 0 {
		return &node{parent: n, name: name, line: n.line}
	}
	return all[len(all)-1]
}

// field is the text of a field, and its line; "" if there is none.
//
//go:noinline
func (n *node) field(name string) (string, int) {
	if c := n.block(name); c.scalar {
		return c.text, c.line
	}
	return "", n.line
}

func (n *node) says(name string) string {
	text, _ := n.field(name)
	return text
}

// list are the texts of a list.
func (n *node) list() []string {
	var all []string
	for _, c := range n.items {
		c.seen = true
		if c.scalar {
			all = append(all, c.text)
		}
	}
	return all
}

func (n *node) seeAll() {
	for _, c := range n.items {
		c.seen = true
		c.seeAll()
	}
}

// path is where field stands, as a person writes it.
func (n *node) path(field string) string {
	for at := n; at != nil && at.name != ""; at = at.parent {
		field = at.name + "." + field
	}
	return shown(field)
}

var plainPath = regexp.MustCompile(`^[a-z_.]{1,100}$`)

// shown is the path of a field, unless something else slipped into its place.
func shown(path string) string {
	if !plainPath.MatchString(path) {
		first, _, _ := strings.Cut(path, ".")
		if first == path || !plainPath.MatchString(first) {
			return "a field that is none of the tool's"
		}
		return first + ": a field in it"
	}
	return path
}
