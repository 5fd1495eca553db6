package vault

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// maxCredential is the longest token, id or password that a file may hold.
const maxCredential = 16 << 10

// readCredential reads a token or an id from a file, without the blanks around it
// with which such files end.
func readCredential(path string) (secret.Value, error) {
	return readFile(path, credential)
}

// readPassword reads a password, which may have blanks, without the line's end behind it.
func readPassword(path string) (secret.Value, error) {
	return readFile(path, password)
}

func readFile(path string, check func([]byte) (secret.Value, error)) (secret.Value, error) {
	text, err := trusted.ReadCredential(path, maxCredential)
	if err != nil {
		return secret.Value{}, err
	}
	v, err := check(text)
	if err != nil {
		return v, fmt.Errorf("%s %w", path, err)
	}
	return v, nil
}

var errEmpty = errors.New("is empty")

// credential trims text, which it takes over, and refuses what no header can carry.
func credential(text []byte) (secret.Value, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return secret.Value{}, errEmpty
	}
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return secret.Value{}, errors.New("has a blank or a control character inside: it must be the credential and nothing else")
		}
	}
	return secret.New(text), nil
}

// password takes one line's end off text, which it takes over, and refuses what
// would not arrive as it is.
func password(text []byte) (secret.Value, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	switch {
	case len(text) == 0:
		return secret.Value{}, errEmpty
	case !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
		return secret.Value{}, errors.New("is not one line of text: it must be the password and nothing else")
	}
	return secret.New(text), nil
}
