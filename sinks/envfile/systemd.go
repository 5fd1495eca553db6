package envfile

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
)

// systemd's EnvironmentFile= (src/basic/env-file.c) knows three ways to write a
// value, of which the first that holds it is taken:
//
//	NAME=raw      bytes that mean themselves to every known reader of env files
//	NAME='quoted' all but a single quote, line feeds too
//	NAME="quoted" all, with a backslash before " \ $ and `
const (
	needsEscape  = "\"\\$`"
	systemdBlank = " \t"
)

func systemdCarries(variable string, value []byte) error {
	if err := environmentCarries(variable, value); err != nil {
		return err
	}
	for _, r := range string(value) {
		if !systemdRune(r) {
			return errors.New("has a code point that Unicode reserves and systemd refuses: use a directory sink")
		}
	}
	return nil
}

// systemdRune is unichar_is_valid of src/basic/utf8.c, for which noncharacters
// are not UTF-8.
func systemdRune(r rune) bool {
	return r&0xfffe != 0xfffe && (r < 0xfdd0 || r > 0xfdef)
}

func systemdWrite(to []byte, variable string, value []byte) []byte {
	to = append(append(to, variable...), '=')
	quote := byte('\'')
	switch {
	case universal(value):
		return append(append(to, value...), '\n')
	case indexByte(value, '\'') >= 0:
		quote = '"'
	}
	to = append(to, quote)
	for _, c := range value {
		if quote == '"' && strings.IndexByte(needsEscape, c) >= 0 {
			to = append(to, '\\')
		}
		to = append(to, c)
	}
	return append(to, quote, '\n')
}

func systemdParse(data []byte) ([]assignment, error) {
	var all []assignment
	seen := map[string]int{}
	line := 1
	fail := func(reason string) ([]assignment, error) {
		return nil, &SyntaxError{"systemd", line, reason}
	}
	if at := badByte(data); at >= 0 {
		line += bytes.Count(data[:at], []byte("\n"))
		return fail("it has bytes that systemd refuses: a NUL, or what is not UTF-8 to it")
	}
	for rest := data; len(rest) > 0; line++ {
		text, after, _ := bytes.Cut(rest, []byte("\n"))
		switch {
		case len(text) == 0:
			rest = after
			continue
		case text[0] == '#' || text[0] == ';':
			// Before 254 the next line was part of the comment, since then it is not.
			if text[len(text)-1] == '\\' {
				return fail("a comment ends in a backslash, which versions of systemd read differently")
			}
			if indexByte(text, '\r') >= 0 {
				return fail("it has a carriage return outside of quotes")
			}
			rest = after
			continue
		}
		name, _, reason := takeName(text)
		if reason == "" {
			reason = once(seen, name, line)
		}
		if reason != "" {
			return fail(reason)
		}
		value, after, reason := systemdValue(rest[len(name)+1:])
		if reason != "" {
			return fail(reason)
		}
		all = append(all, assignment{name, secret.New(value), line})
		used := rest[:len(rest)-len(after)]
		line += bytes.Count(bytes.TrimSuffix(used, []byte("\n")), []byte("\n"))
		rest = after
	}
	return all, nil
}

// systemdValue reads one value and its line end from the front of b.
func systemdValue(b []byte) (value, rest []byte, reason string) {
	if len(b) == 0 || b[0] != '\'' && b[0] != '"' {
		raw, rest, _ := bytes.Cut(b, []byte("\n"))
		switch {
		case bytes.ContainsAny(raw, "\\\r"):
			return nil, nil, "a value without quotes has a backslash or a carriage return"
		case len(bytes.Trim(raw, systemdBlank)) != len(raw):
			return nil, nil, "a value without quotes has blanks around it, which systemd takes away"
		}
		return bytes.Clone(raw), rest, ""
	}
	quote, end := b[0], 1
	for end < len(b) && b[end] != quote {
		if b[end] == '\\' && quote == '"' {
			end++
		}
		end++
	}
	if end >= len(b) {
		return nil, nil, "a quote is not closed"
	}
	if rest = b[end+1:]; len(rest) > 0 && rest[0] != '\n' {
		return nil, nil, "something follows the closing quote"
	}
	value = make([]byte, 0, end) // never grows: no copy is left behind
	for i := 1; i < end; i++ {
		if b[i] == '\\' && quote == '"' {
			if i++; strings.IndexByte(needsEscape, b[i]) < 0 {
				return nil, nil, "a backslash stands before something that needs none"
			}
		}
		value = append(value, b[i])
	}
	return value, rest[min(1, len(rest)):], ""
}

// badByte is where data has something that makes systemd refuse the whole file, or
// lose its first variable: a byte order mark at the start.
func badByte(data []byte) int {
	for at := 0; at < len(data); {
		r, n := utf8.DecodeRune(data[at:])
		if r == 0 || r == utf8.RuneError && n == 1 || !systemdRune(r) || r == '\ufeff' && at == 0 {
			return at
		}
		at += n
	}
	return -1
}
