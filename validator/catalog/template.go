package catalog

import (
	"crypto/rand"
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

// names are the placeholders in order.
func (t template) names() []string {
	var names []string
	for _, p := range t {
		if p.name != "" {
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
		v := value(p.name)
		if v != "" {
			filled++
		}
		b.WriteString(v)
	}
	return b.String(), placeholders > 0 && filled == 0
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
