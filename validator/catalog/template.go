package catalog

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// template is text with placeholders, as a list of alternating pieces.
type template []piece

type piece struct {
	literal string
	name    string // of a placeholder; then literal is empty
}

func parseTemplate(s string) (template, error) {
	var t template
	for s != "" {
		before, rest, open := strings.Cut(s, "{{")
		if before != "" {
			t = append(t, piece{literal: before})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		if name = strings.TrimSpace(name); !closed || name == "" {
			return nil, fmt.Errorf("a placeholder is {{name}}")
		}
		t = append(t, piece{name: name})
		s = after
	}
	return t, nil
}

// names are the placeholders in order; of a basic one, what it is made of.
func (t template) names() []string {
	var names []string
	for _, p := range t {
		if b, ok := readBasic(p.name); ok {
			names = append(names, b.names()...)
		} else if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// render fills the placeholders. empty says that there were some, and that none
// of them had a value.
func (t template) render(value func(name string) string) (s string, empty bool) {
	var b strings.Builder
	placeholders, filled := 0, 0
	for _, p := range t {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		placeholders++
		v, has := value(p.name), false
		if pair, ok := readBasic(p.name); ok {
			v, has = pair.render(value)
		} else {
			has = v != ""
		}
		if has {
			filled++
		}
		b.WriteString(v)
	}
	return b.String(), placeholders > 0 && filled == 0
}

// basic is a user and a password, as the Basic scheme of HTTP sends them.
type basic struct{ user, password operand }

// operand is a text of the file's own, or the name of a part or parameter.
type operand struct{ literal, name string }

// readBasic reads the placeholder {{basic USER:PASS}}, where each is a name or a
// 'text' in single quotes.
func readBasic(name string) (b basic, ok bool) {
	pair, ok := strings.CutPrefix(name, "basic ")
	user, password, both := strings.Cut(pair, ":")
	return basic{readOperand(user), readOperand(password)}, ok && both
}

func readOperand(s string) operand {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return operand{literal: s[1 : len(s)-1]}
	}
	return operand{name: s}
}

func (b basic) names() []string {
	var names []string
	for _, o := range []operand{b.user, b.password} {
		if o.name != "" {
			names = append(names, o.name)
		}
	}
	return names
}

// render says also whether any name had a value.
func (b basic) render(value func(name string) string) (s string, has bool) {
	text := func(o operand) string {
		if o.name == "" {
			return o.literal
		}
		v := value(o.name)
		has = has || v != ""
		return v
	}
	return base64.StdEncoding.EncodeToString([]byte(text(b.user) + ":" + text(b.password))), has
}

const (
	digits    = "0123456789"
	alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + digits
	maxRandom = 4096
)

// alphabets are what a made-up credential may be of, by their names in a file.
var alphabets = map[string]string{"": alnum + "-_", "alnum": alnum, "hex": digits + "abcdef", "digits": digits, "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"}

// random is so many characters of an alphabet.
type random struct {
	length   int
	alphabet string
}

// readRandom reads the placeholders {{random N}} and {{random N alphabet}}.
func readRandom(name string) (random, bool) {
	word, rest, _ := strings.Cut(name, " ")
	count, alphabet, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(count)
	r := random{n, alphabets[alphabet]}
	return r, word == "random" && err == nil && n > 0 && n <= maxRandom && r.alphabet != ""
}

// madeUp is a credential that nobody has, of the shape that t gives.
func (t template) madeUp() string {
	s, _ := t.render(func(name string) string {
		r, _ := readRandom(name)
		b := make([]byte, r.length)
		_, _ = rand.Read(b) // never fails
		for i := range b {
			b[i] = r.alphabet[int(b[i])%len(r.alphabet)]
		}
		return string(b)
	})
	return s
}
