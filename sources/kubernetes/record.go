package kubernetes

import (
	"encoding/base64"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/secret"
)

// record is all entries as one JSON object, by name, so that equal entries make equal bytes.
func record(data map[string]kube.Value) secret.Value {
	size := len("{}")
	for name, v := range data {
		size += len(name) + 6*v.Len() + len(`"":{"base64":""},`) // every byte as \u00..
	}
	out := make([]byte, 0, size) // never grows: no copy is left behind
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(data)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendText(out, []byte(name)), ':')
		if value := data[name].Reveal(); utf8.Valid(value) {
			out = appendText(out, value)
		} else {
			out = append(out, `{"base64":"`...)
			out = append(base64.StdEncoding.AppendEncode(out, value), `"}`...)
		}
	}
	return secret.New(append(out, '}'))
}

// appendText writes text, which is UTF-8, as a JSON string.
func appendText(to, text []byte) []byte {
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
