package normalize

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json replaces what it does not like in a string by U+FFFD and takes
// the last of two members of one name. A key must come out byte for byte or not
// at all, so this parser keeps places instead of values.

type kind string

const (
	objectNode kind = "an object"
	arrayNode  kind = "a list"
	stringNode kind = "a string"
	numberNode kind = "a number"
	boolNode   kind = "true or false"
	nullNode   kind = "null"
)

// node is one JSON value, from start to end in the text.
type node struct {
	kind       kind
	start, end int
	members    []member
	elements   []node
}

type member struct {
	name  string
	value node
}

// maxDepth is how deep a record may be nested.
const maxDepth = 64

type parser struct {
	text []byte
	at   int
}

// syntax is where and why a text is no JSON.
type syntax struct {
	offset int
	want   string
}

func parseJSON(text []byte) (node, *Fault) {
	p := &parser{text: text}
	root, bad := p.value(0)
	if bad == nil {
		if p.space(); p.at < len(text) {
			bad = &syntax{p.at, "nothing more"}
		}
	}
	if bad == nil {
		return root, nil
	}
	fault := Fault{
		Name:   NotJSON,
		Detail: fmt.Sprintf("the record is no JSON, it should have %s here: take the field out of from:, write ?format=env, or correct the record", bad.want),
	}.place(text, bad.offset)
	return node{}, &fault
}

func (p *parser) space() {
	for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n"), p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0 // never legal where it is asked
}

func (p *parser) value(depth int) (n node, bad *syntax) {
	p.space()
	n.start = p.at
	if depth > maxDepth {
		return n, &syntax{p.at, fmt.Sprintf("no more than %d levels", maxDepth)}
	}
	switch c := p.peek(); {
	case c == '{':
		n.kind = objectNode
		bad = p.list('}', func() *syntax {
			m, bad := p.member(depth)
			n.members = append(n.members, m)
			return bad
		})
	case c == '[':
		n.kind = arrayNode
		bad = p.list(']', func() *syntax {
			e, bad := p.value(depth + 1)
			n.elements = append(n.elements, e)
			return bad
		})
	case c == '"':
		n.kind = stringNode
		bad = p.string()
	case c == '-' || c >= '0' && c <= '9':
		n.kind = numberNode
		bad = p.number()
	default:
		n.kind, bad = p.word()
	}
	n.end = p.at
	return n, bad
}

// list reads what stands between the bracket at p and end, with commas between.
func (p *parser) list(end byte, item func() *syntax) *syntax {
	p.at++
	if p.space(); p.peek() == end {
		p.at++
		return nil
	}
	for {
		if bad := item(); bad != nil {
			return bad
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case end:
			p.at++
			return nil
		default:
			return &syntax{p.at, "a comma or the closing bracket"}
		}
	}
}

func (p *parser) member(depth int) (m member, bad *syntax) {
	p.space()
	start := p.at
	if p.peek() != '"' {
		return m, &syntax{p.at, "a field's name in quotes"}
	}
	if bad := p.string(); bad != nil {
		return m, bad
	}
	// A name with half a surrogate pair is none that a config could ask for.
	if name, bad := unescape(p.text[start+1 : p.at-1]); bad < 0 {
		m.name = string(name)
	}
	if p.space(); p.peek() != ':' {
		return m, &syntax{p.at, "a colon"}
	}
	p.at++
	m.value, bad = p.value(depth + 1)
	return m, bad
}

// string reads a string, without decoding it.
func (p *parser) string() *syntax {
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return nil
		case c < ' ':
			return &syntax{p.at, "no control character"}
		case c == '\\':
			p.at++
			switch e := p.peek(); {
			case e == 'u':
				if _, ok := hex4(p.text[p.at+1:]); !ok {
					return &syntax{p.at, "four hex digits"}
				}
				p.at += 4
			case bytes.IndexByte([]byte(`"\/bfnrt`), e) < 0:
				return &syntax{p.at, "a known escape"}
			}
		}
	}
	return &syntax{p.at, "a closing quote"}
}

func (p *parser) digits() (n int) {
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.at++
		n++
	}
	return n
}

func (p *parser) number() *syntax {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if p.digits() == 0 {
		return &syntax{p.at, "a digit"}
	}
	if p.peek() == '.' {
		p.at++
		if p.digits() == 0 {
			return &syntax{p.at, "a digit"}
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if p.digits() == 0 {
			return &syntax{p.at, "a digit"}
		}
	}
	return nil
}

func (p *parser) word() (kind, *syntax) {
	for word, kind := range map[string]kind{"true": boolNode, "false": boolNode, "null": nullNode} {
		if bytes.HasPrefix(p.text[p.at:], []byte(word)) {
			p.at += len(word)
			return kind, nil
		}
	}
	return "", &syntax{p.at, "a value"}
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape decodes the inside of a string that the parser has accepted. What is
// not escaped stays as it is, also where it is no UTF-8. bad is the place of an
// escape that stands for no character, or -1.
func unescape(s []byte) (out []byte, bad int) {
	out = make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		start := i
		i++
		if s[i] != 'u' {
			out = append(out, escapes[s[i]])
			continue
		}
		r, _ := hex4(s[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			var low rune
			if bytes.HasPrefix(s[i+1:], []byte(`\u`)) {
				low, _ = hex4(s[i+3:])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				clear(out)
				return nil, start
			}
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return out, -1
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
