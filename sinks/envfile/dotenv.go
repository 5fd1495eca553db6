package envfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/livekey/livekey/internal/secret"
)

// dotenv is what the many readers of .env files agree on: node --env-file, dotenv
// of npm, python-dotenv, godotenv and Compose. They quarrel about escapes, so none
// is ever written; the first of these that holds the value is taken, or it is refused:
//
//	NAME=raw      bytes that mean themselves to every known reader of env files
//	NAME='quoted' no single quote; a backslash neither twice in a row nor at the end
//	NAME="quoted" no double quote, no backslash, no $
//
// Neither holds a carriage return, which some take for the end of a line, nor ${,
// which python-dotenv expands in every kind of quotes.

// protoName is a variable that no object of JavaScript can have.
const protoName = "__proto__"

func dotenvCarries(variable string, value []byte) error {
	if err := environmentCarries(variable, value); err != nil {
		return err
	}
	if variable == protoName {
		return errors.New("would be lost: JavaScript's readers of .env files cannot have a variable of this name")
	}
	if why := dotenvRefuses(value); why != "" {
		return fmt.Errorf("%s: use a directory sink", why)
	}
	return nil
}

// dotenvRefuses says why value has no form that all readers take for the same; "" if it has one.
func dotenvRefuses(value []byte) string {
	single := indexByte(value, '\'') < 0
	switch {
	case universal(value):
		return ""
	case indexByte(value, '\r') >= 0:
		return fmt.Sprintf("has a carriage return at byte %d, which some readers of .env files take for the end of a line", indexByte(value, '\r'))
	case bytes.Contains(value, []byte("${")):
		return fmt.Sprintf("has ${ at byte %d, which some readers of .env files expand in every kind of quotes", bytes.Index(value, []byte("${")))
	case single && value[len(value)-1] == '\\':
		return "ends in a backslash, which some readers of .env files join with the quote after it"
	case single && bytes.Contains(value, []byte(`\\`)):
		return fmt.Sprintf("has two backslashes at byte %d, which some readers of .env files take for one", bytes.Index(value, []byte(`\\`)))
	case !single && bytes.ContainsAny(value, `"\$`):
		return `has a single quote beside " \ or $, and readers of .env files have no escape in common`
	}
	return ""
}

func dotenvWrite(to []byte, variable string, value []byte) []byte {
	to = append(append(to, variable...), '=')
	if universal(value) {
		return append(append(to, value...), '\n')
	}
	quote := byte('\'')
	if indexByte(value, quote) >= 0 {
		quote = '"'
	}
	return append(append(append(to, quote), value...), quote, '\n')
}

func dotenvParse(data []byte) ([]assignment, error) { return parseLines("dotenv", data, dotenvValue) }

// dotenvValue reads one value from the front of b, up to its line end.
func dotenvValue(b []byte) (value secret.Value, rest []byte, reason string) {
	if len(b) == 0 || b[0] != '\'' && b[0] != '"' {
		raw, rest := cutLine(b)
		switch {
		case bytes.ContainsAny(raw, "#$`\\\r"):
			return secret.Value{}, nil, "a value without quotes has # $ ` a backslash or a carriage return, which readers take differently"
		case len(bytes.TrimSpace(raw)) != len(raw):
			return secret.Value{}, nil, "a value without quotes has blanks around it, which readers take away"
		}
		return secret.New(bytes.Clone(raw)), rest, ""
	}
	quote := b[0]
	end := indexByte(b[1:], quote)
	if end < 0 {
		return secret.Value{}, nil, "a quote is not closed"
	}
	inside, rest := b[1:1+end], b[end+2:]
	if quote == '"' && bytes.ContainsAny(inside, "\\$\r") || quote == '\'' && dotenvRefuses(inside) != "" {
		return secret.Value{}, nil, "a value in quotes has $ or a backslash where readers take it differently"
	}
	return secret.New(bytes.Clone(inside)), rest, ""
}
