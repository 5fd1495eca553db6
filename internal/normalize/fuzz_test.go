package normalize_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
)

// canary stands inside of what is fuzzed: no message may have eight bytes of it.
const canary = "Zq9Wv3Xk7Jr2Bn5Tm8Yp"

// FuzzNormalize puts a canary between two arbitrary texts and reads the record
// in every way that a config can ask for.
func FuzzNormalize(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""},
		{"sk-ant-", "\n"},
		{"\ufeff \"", "\"\r\n"},
		{"export A=", " # x"},
		{"${", "}"},
		{"A='", "'\nA=x"},
		{`{"a": "`, `"}`},
		{`{"a": "\ud83d`, `\udd11"}`},
		{`{"a": {"b": ["`, `"]}}`},
		{`{"`, `": 1}`},
		{`[[[[`, `]]]]`},
		{"-----BEGIN A-----\n", "\n-----END A-----\n"},
		{"c2stYW50LWFwaTAz", "="},
		{"a\x00\xff\u200b", "\x7f"},
	} {
		f.Add(seed[0], seed[1], uint8(0))
	}
	f.Fuzz(func(t *testing.T, before, after string, way uint8) {
		record := before + canary + after
		fields := []string{"", "a", "/a/b/0", "A"}
		params := []string{"", "format=plain", "format=json", "format=env"}
		in := input([]normalize.Form{normalize.Token, normalize.Text, normalize.PEM, normalize.JSON}[way>>4&3], record)
		in.Trim = way&0x40 != 0
		in.Base64 = way&0x80 != 0
		in.Refs = map[key.Part]key.Ref{key.DefaultPart: at(fields[way&3], params[way>>2&3])}

		values, faults := normalize.Normalize(in)
		if string(in.Data.Reveal()) != record {
			t.Fatal("the record was changed")
		}
		if faults != nil {
			message := faults.Error() + fmt.Sprintf("%+v %#v", faults, faults.Verdict())
			for i := range len(canary) - 7 {
				if strings.Contains(message, canary[i:i+8]) {
					t.Fatalf("a message quotes the record: %s", message)
				}
			}
			return
		}
		got := values[key.DefaultPart].Reveal()
		switch {
		case in.Base64 || way&3 != 0:
		case in.Trim && !bytes.Contains([]byte(record), got):
			t.Error("a trimmed value is no piece of what is stored")
		case !in.Trim && string(got) != record:
			t.Error("a value is not what is stored")
		}
	})
}

// FuzzFields compares with encoding/json, which agrees wherever it loses nothing.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{"a": "b"}`, `{"a": "\u00e9\ud83d\udd11\/\\"}`, `{"a": "x", "b": [1, -0.5e+3, {}]}`, `{"a": 1}`, `[`, `{"a":"` + "\xff" + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		in := normalize.Input{
			Data:  secret.New(record),
			Refs:  map[key.Part]key.Ref{key.DefaultPart: at("a", "")},
			Allow: normalize.Allowable(),
		}
		values, faults := normalize.Normalize(in)
		var fields map[string]any
		err := json.Unmarshal(record, &fields)
		if faults == nil {
			want, ok := fields["a"].(string)
			got := string(values[key.DefaultPart].Reveal())
			if err != nil || !ok {
				t.Fatalf("a value came out of what encoding/json refuses: %v", err)
			}
			if strings.ToValidUTF8(got, "\ufffd") != strings.ToValidUTF8(want, "\ufffd") && !strings.Contains(want, "\ufffd") {
				t.Errorf("got %q, encoding/json reads %q", got, want)
			}
			return
		}
		if faults[0].Name == normalize.NotJSON && err == nil && !strings.Contains(faults.Error(), "surrogate") && !strings.Contains(faults.Error(), "levels") {
			t.Errorf("encoding/json reads what is said to be none: %v", faults)
		}
	})
}
