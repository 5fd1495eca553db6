package kube

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/livekey/livekey/internal/secret"
)

// SecretPath is where a Secret is.
func SecretPath(namespace, name string) string {
	return "/api/v1/namespaces/" + namespace + "/secrets/" + name
}

// Secret is what livekey reads of one.
type Secret struct {
	Metadata  Metadata         `json:"metadata"`
	Type      string           `json:"type"`
	Immutable bool             `json:"immutable"`
	Data      map[string]Value `json:"data"`
}

// UnmarshalJSON takes no other object for a Secret without entries.
func (s *Secret) UnmarshalJSON(text []byte) error {
	type plain Secret
	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}
	if s.Metadata.Name == "" || s.Metadata.ResourceVersion == "" {
		return errors.New("no Secret")
	}
	return nil
}

// Value is one entry of a Secret, decoded.
type Value struct{ secret.Value }

// UnmarshalJSON decodes base64 without a copy as a Go string.
func (v *Value) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '"' {
		return errors.New("an entry of a Secret is no text")
	}
	encoded := text[1 : len(text)-1]
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(decoded, encoded)
	if err != nil {
		return errors.New("an entry of a Secret is no base64")
	}
	v.Value = secret.New(decoded[:n:n])
	return nil
}

var (
	_ json.Unmarshaler = (*Value)(nil)
	_ json.Unmarshaler = (*Secret)(nil)
	_ json.Unmarshaler = (*Annotations)(nil)
)
