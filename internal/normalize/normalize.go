// Package normalize makes the values of a key out of a source's record. It opens
// the envelope (a field, a pointer, a variable, base64) and lints what is inside
// by its form. It repairs nothing: what it returns are the bytes as stored, or
// the faults that make the key malformed.
package normalize

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Form says what a value has to look like; a provider's file states it.
type Form string

// The forms. The zero Form is Text.
const (
	Token Form = "token" // one line of printable ASCII without blanks or quotes
	Text  Form = "text"  // anything that a person could have meant: a password, a DSN
	PEM   Form = "pem"   // blocks of RFC 7468, with line breaks, also at the end
	JSON  Form = "json"  // one object, with line breaks, also at the end
)

// Input is one record and what the config and the provider's file say about it.
type Input struct {
	Data   secret.Value         // the record
	Refs   map[key.Part]key.Ref // all in this record: where each part is
	Base64 bool                 // each part is wrapped in base64, of either alphabet
	Form   Form
	Trim   bool     // take away a byte order mark, and blanks and newlines at both ends
	Allow  []string // names of faults that are none for this key

	OwnPrefixes     []string          // with which values of this issuer begin
	ForeignPrefixes map[string]string // prefix: the issuer to which alone it belongs; the longest prefix that fits decides
}

// Normalize returns the value of each part, or the faults of all parts. A value
// is, byte for byte, what is stored, unless Trim says otherwise.
func Normalize(in Input) (map[key.Part]secret.Value, Faults) {
	values := make(map[key.Part]secret.Value, len(in.Refs))
	var faults Faults
	for _, part := range slices.Sorted(maps.Keys(in.Refs)) {
		value, found := in.part(in.Refs[part])
		for _, f := range found {
			f.Part = part
			faults = append(faults, f)
		}
		values[part] = value
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(weight(a.Name), weight(b.Name)) })
		return nil, faults
	}
	return values, nil
}

// part opens and lints one part.
func (in Input) part(ref key.Ref) (secret.Value, Faults) {
	value, fault := open(in.Data, ref, in.Form)
	if fault == nil && in.Base64 {
		value, fault = unwrap(value)
	}
	if fault != nil {
		return secret.Value{}, Faults{*fault}
	}
	stored, start, end := value.Reveal(), 0, value.Len()
	if in.Trim {
		start, end = trim(stored)
		if start > 0 || end < len(stored) {
			value = secret.New(bytes.Clone(stored[start:end]))
		}
	}
	var faults Faults
	for _, f := range in.lint(stored[start:end]) {
		if f.Name == Empty || !slices.Contains(in.Allow, string(f.Name)) {
			faults = append(faults, f.place(stored, start+f.Offset))
		}
	}
	return value, faults
}

// unwrap decodes base64. Line breaks inside it, as base64(1) makes them, do not count.
func unwrap(wrapped secret.Value) (secret.Value, *Fault) {
	text := wrapped.Reveal()
	encoding := base64.StdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.URLEncoding
	}
	if !bytes.Contains(text, []byte("=")) {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	out := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Strict().Decode(out, text)
	if err != nil {
		fault := Fault{Name: NotBase64, Detail: "is no base64: take `format: base64` away, or store the value encoded"}
		if corrupt, ok := err.(base64.CorruptInputError); ok { //nolint:errorlint // Decode returns exactly this
			fault = fault.place(text, int(corrupt))
		}
		return secret.Value{}, &fault
	}
	return secret.New(out[:n]), nil
}

// trim says what is left of v without a byte order mark, and without blanks and
// newlines at both ends.
func trim(v []byte) (start, end int) {
	start = len(v) - len(bytes.TrimPrefix(v, []byte(utf8BOM)))
	start += leading(v[start:])
	end = len(v) - trailing(v[start:])
	return start, end
}
