package envfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/secret"
)

// shell is what a POSIX shell reads with `set -a; . file`: dash, bash, and all that
// follow the standard. Nothing in the file may run or expand, so there are two forms:
//
//	NAME=raw      bytes that mean themselves to every known reader of env files, and to zsh
//	NAME='quoted' all; a single quote becomes '\''

// shellNames are variables that a shell keeps for itself: it refuses to set them,
// or answers something else than was set.
var shellNames = strings.Fields(`
	_ BASHOPTS BASHPID BASH_ARGC BASH_ARGV BASH_COMMAND BASH_LINENO BASH_MONOSECONDS BASH_SOURCE BASH_SUBSHELL
	BASH_TRAPSIG BASH_VERSINFO DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD LINENO OPTIND PPID
	RANDOM SECONDS SHELLOPTS SRANDOM UID`)

func shellCarries(variable string, value []byte) error {
	if err := environmentCarries(variable, value); err != nil {
		return err
	}
	if slices.Contains(shellNames, variable) {
		return fmt.Errorf("cannot be set: a shell keeps the variable %s for itself; give the key another name with env", variable)
	}
	return nil
}

func shellWrite(to []byte, variable string, value []byte) []byte {
	to = append(append(to, variable...), '=')
	if universal(value) && !zshExpands(value) {
		return append(append(to, value...), '\n')
	}
	to = append(to, '\'')
	for _, c := range value {
		if c == '\'' {
			to = append(to, `'\'`...)
		}
		to = append(to, c)
	}
	return append(to, '\'', '\n')
}

// zshExpands says whether raw value would not mean itself to zsh, which takes =ls for where
// the program ls is.
func zshExpands(value []byte) bool {
	return bytes.HasPrefix(value, []byte("=")) || bytes.Contains(value, []byte(":="))
}

func shellParse(data []byte) ([]assignment, error) { return parseLines("shell", data, shellValue) }

// shellValue reads one word from the front of b, up to its line end: pieces that are raw, in
// quotes, or a single byte after a backslash.
func shellValue(b []byte) (value secret.Value, rest []byte, reason string) {
	word := make([]byte, 0, wordEnd(b)) // never grows: no copy is left behind
	fail := func(reason string) (secret.Value, []byte, string) { return secret.Value{}, nil, reason }
	for len(b) > 0 && b[0] != '\n' {
		switch c := b[0]; {
		case c == '\'' || c == '"':
			end := indexByte(b[1:], c)
			if end < 0 {
				return fail("a quote is not closed")
			}
			inside := b[1 : 1+end]
			if c == '"' && bytes.ContainsAny(inside, "\\$`!") {
				return fail("a value in double quotes has $ ` ! or a backslash: put it in single quotes")
			}
			word, b = append(word, inside...), b[end+2:]
		case c == '\\':
			if len(b) < 2 || b[1] < ' ' || b[1] >= 0x7f {
				return fail("a backslash stands at the end of a line or before a byte that is not ASCII")
			}
			word, b = append(word, b[1]), b[2:]
		case c == '=' && (len(word) == 0 || word[len(word)-1] == ':'):
			return fail("it has = where zsh takes what follows for a program: put it in single quotes")
		case strings.IndexByte(universalBytes, c) >= 0:
			word, b = append(word, c), b[1:]
		default:
			return fail("it has something outside of quotes that a shell would act on, or a comment after the value")
		}
	}
	return secret.New(word), b, ""
}

// wordEnd is how far the word at the front of b reaches at most.
func wordEnd(b []byte) int {
	at := 0
	for at < len(b) && b[at] != '\n' {
		switch c := b[at]; c {
		case '\'', '"':
			end := indexByte(b[at+1:], c)
			if end < 0 {
				return len(b)
			}
			at += end + 2
		case '\\':
			at += 2
		default:
			at++
		}
	}
	return min(at, len(b))
}
