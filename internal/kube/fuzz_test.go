package kube

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// FuzzAnswers holds that no answer of a server, or of somebody in its place, makes livekey
// panic, and that no refusal quotes an entry of a Secret.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"kind":"Status","code":404,"reason":"NotFound","details":{"name":"a"}}`), 404)
	f.Add([]byte(`{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}`+"\n"+`{"type":"ERROR","object":{"code":410}}`), 200)
	f.Add([]byte(`{"metadata":{"name":"a","resourceVersion":"1"},"data":{"A":"bGs=","B":null,"C":"\/"}}`), 200)
	f.Fuzz(func(t *testing.T, body []byte, code int) {
		of := Object{Resource: "secrets", Namespace: "prod", Name: "llm"}
		if err := refusal("get", of, code, body, http.Header{}); err == nil || err.Error() == "" {
			t.Error("a refusal without a word")
		}
		_ = events(strings.NewReader(string(body)), of, func(e Event) error {
			if e.Metadata.ResourceVersion == "" {
				t.Error("an event without a version")
			}
			return nil
		})
		var s Secret
		_ = json.Unmarshal(body, &s)
	})
}

// FuzzEntry holds that every value comes out of base64 as it went in.
func FuzzEntry(f *testing.F) {
	f.Add([]byte("a"))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		text, err := json.Marshal(map[string]any{"metadata": Metadata{Name: "a", ResourceVersion: "1"}, "data": map[string][]byte{"A": value}})
		if err != nil {
			t.Fatal(err)
		}
		var s Secret
		if err := json.Unmarshal(text, &s); err != nil || string(s.Data["A"].Reveal()) != string(value) {
			t.Errorf("%d bytes of %s, %v", s.Data["A"].Len(), base64.StdEncoding.EncodeToString(value), err)
		}
	})
}
