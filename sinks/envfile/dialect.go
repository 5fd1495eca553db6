package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks/internal/place"
)

// A dialect is the grammar of one reader of env files. Its parser is strict: it
// refuses what two versions of that reader, or two people, could read differently.
type dialect struct {
	name    string
	carries func(variable string, value []byte) error
	write   func(to []byte, variable string, value []byte) []byte // one assignment with its line end
	parse   func(data []byte) ([]assignment, error)               // the error is a *SyntaxError
}

var dialects = map[string]dialect{
	"systemd": {"systemd", systemdCarries, systemdWrite, systemdParse},
	"docker":  {"docker", dockerCarries, dockerWrite, dockerParse},
	"dotenv":  {"dotenv", dotenvCarries, dotenvWrite, dotenvParse},
	"shell":   {"shell", shellCarries, shellWrite, shellParse},

	"kubernetes": {"kubernetes", kubernetesCarries, kubernetesWrite, kubernetesParse},
}

// dialectName is a dialect as the config writes it.
type dialectName string

// Words are the dialects.
func (dialectName) Words() []string { return slices.Sorted(maps.Keys(dialects)) }

type assignment struct {
	name  string
	value secret.Value
	line  int
}

// SyntaxError says where a file does not follow its dialect, never with its bytes.
type SyntaxError struct {
	Dialect string
	Line    int // from 1
	Reason  string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d is not %s's: %s", e.Line, e.Dialect, e.Reason)
}

// maxAssignment is Linux's MAX_ARG_STRLEN: execve refuses a longer NAME=value
// with its end, so no process could be started with one.
const maxAssignment = 128 << 10

// environmentCarries holds for every dialect: what no process can have.
func environmentCarries(variable string, value []byte) error {
	switch {
	case !place.Variable(variable):
		return errors.New("is no legal name of an environment variable")
	case len(value) == 0:
		return errors.New("is empty")
	case indexByte(value, 0) >= 0:
		return fmt.Errorf("has a NUL at byte %d, which no environment variable can hold", indexByte(value, 0))
	case !utf8.Valid(value):
		return errors.New("is not UTF-8, which its reader demands")
	case len(variable)+len(value)+2 > maxAssignment:
		return fmt.Errorf("has %d bytes, and Linux starts no process with a variable over 128 KiB", len(value))
	}
	return nil
}

// universalBytes mean themselves, without quotes, to every known reader of env files.
const universalBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-"

func universal(value []byte) bool { return len(bytes.Trim(value, universalBytes)) == 0 }

func indexByte(b []byte, c byte) int {
	for i := range b {
		if b[i] == c {
			return i
		}
	}
	return -1
}

// takeName splits a line into a legal name and what follows its equals sign.
func takeName(line []byte) (name string, rest []byte, reason string) {
	at := indexByte(line, '=')
	switch {
	case at < 0:
		return "", nil, "it has no equals sign"
	case !place.Variable(string(line[:at])):
		return "", nil, "what stands before the equals sign is no legal variable name"
	}
	return string(line[:at]), line[at+1:], ""
}

// once refuses a name that was assigned before: which one counts is guesswork. seen
// is the line of each name so far.
func once(seen map[string]int, name string, line int) string {
	if first, twice := seen[name]; twice {
		return fmt.Sprintf("%s was assigned in line %d already", name, first)
	}
	seen[name] = line
	return ""
}
