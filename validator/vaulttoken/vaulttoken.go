// Package vaulttoken asks a Vault or an OpenBao about tokens without spending a use of them:
// each request with a token that has a number of uses takes one, the question who it is
// too, so it is livekey that shows a token, its own, and names the other.
package vaulttoken

import (
	"bytes"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/validator"
)

// longest is more than any token has.
const longest = 8 << 10

// Decode is a validator.Decoder. It tells whether a token is of a namespace, whose
// mark stands behind a second dot, while the parameter namespace names none: asked in
// another, a good one is refused as an unknown one is.
func Decode(c validator.Coded) (map[string]any, error) {
	value := c.Part("value")
	for _, kind := range []string{"hvs.", "hvb.", "s.", "b."} {
		if after, ok := strings.CutPrefix(value, kind); ok {
			value = after
			break
		}
	}
	return map[string]any{"elsewhere": strings.Contains(value, ".") && c.With["namespace"] == ""}, nil
}

// Sign is a validator.Signer: the request shows the token that is in the file
// token_file, read for each call, since agents renew it.
func Sign(r *http.Request, s validator.Signing) error {
	path := s.With["token_file"]
	if !filepath.IsAbs(path) {
		return errors.New("with.lookup_token_file: must be a path from / on")
	}
	text, err := trusted.ReadCredential(path, longest)
	if err != nil {
		return errors.New("with.lookup_token_file: " + secret.Scrub(err).Error())
	}
	token := secret.New(bytes.TrimSpace(text))
	if token.Len() == 0 {
		return errors.New("with.lookup_token_file: " + path + " is empty")
	}
	r.Header.Set("X-Vault-Token", string(token.Reveal()))
	return nil
}
