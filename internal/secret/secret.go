// Package secret holds the one type in which a value lives.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Value holds one secret. No printer, encoder, logger or dumper shows it: they
// get "secret:redacted". The zero Value is empty.
type Value struct {
	size   int           // two fields: a struct of one pointer-shaped field upsets some dumpers
	reveal func() []byte // a closure: no reflection-based dumper can see inside
}

const redacted = "secret:redacted"

// New takes ownership of b.
func New(b []byte) Value { return Value{size: len(b), reveal: func() []byte { return b }} }

// Reveal returns the bytes. The caller neither keeps nor changes them.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// TrimNewline is v without the newline at its end, if it has one. Both share the bytes.
func (v Value) TrimNewline() Value {
	b := v.Reveal()
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return New(b[: n-1 : n-1])
	}
	return v
}

// Len is the length in bytes.
func (v Value) Len() int { return v.size }

// Equal compares in constant time for equal lengths.
func (v Value) Equal(o Value) bool {
	return subtle.ConstantTimeCompare(v.Reveal(), o.Reveal()) == 1
}

// String is what every printer gets.
func (Value) String() string { return redacted }

// GoString is for %#v.
func (Value) GoString() string { return redacted }

// Format answers every verb alike.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is for slog.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is for XML and map keys.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON is for JSON.
func (Value) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, redacted), nil }

// MarshalYAML is for YAML.
func (Value) MarshalYAML() (any, error) { return redacted, nil }

// GobEncode is for gob.
func (Value) GobEncode() ([]byte, error) { return []byte(redacted), nil }
