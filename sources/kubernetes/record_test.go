package kubernetes

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/secret"
)

// FuzzRecord holds that any reader of JSON has each entry byte for byte, and that it is told
// from one that is in base64.
func FuzzRecord(f *testing.F) {
	f.Add("A", []byte("sk-1"))
	f.Add("tls.key", []byte("\xff\"\\\u2028\x00"))
	f.Add("B", []byte("\x00\x1f\x7f\u0085\r\n"))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if !utf8.ValidString(name) {
			t.Skip("no Secret has such an entry")
		}
		made := record(map[string]kube.Value{name: {Value: secret.New(value)}, name + "2": {Value: secret.New([]byte("x"))}}).Reveal()
		var all map[string]json.RawMessage
		if err := json.Unmarshal(made, &all); err != nil || len(all) != 2 {
			t.Fatalf("%q: %v", made, err)
		}
		if !utf8.Valid(value) {
			var in struct {
				Base64 []byte `json:"base64"`
			}
			if err := json.Unmarshal(all[name], &in); err != nil || !bytes.Equal(in.Base64, value) {
				t.Errorf("%q became %q, %v", value, in.Base64, err)
			}
			return
		}
		var text string
		if err := json.Unmarshal(all[name], &text); err != nil || text != string(value) {
			t.Errorf("%q became %q, %v", value, text, err)
		}
	})
}
