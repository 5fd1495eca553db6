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
	randomDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	maxRandom    = 4096
)

// randomLength reads the placeholder {{random N}}.
func randomLength(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "random ")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && n <= maxRandom
}

// madeUp is a credential that nobody has, of the shape that t gives.
func (t template) madeUp() string {
	s, _ := t.render(func(name string) string {
		n, _ := randomLength(name)
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		for i := range b {
			b[i] = randomDigits[b[i]&63]
		}
		return string(b)
	})
	return s
}
