package normalize_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
)

// at is a ref to a field of a record, with parameters.
func at(field, params string) key.Ref {
	return key.Ref{Location: key.Location{Source: "vault", Path: "secret/a", Params: params}, Field: field}
}

func one(record string, ref key.Ref) normalize.Input {
	return normalize.Input{Data: secret.New([]byte(record)), Refs: map[key.Part]key.Ref{key.DefaultPart: ref}, Form: normalize.Text}
}

func TestEnvelopesOpenByteForByte(t *testing.T) {
	for _, test := range []struct{ rule, record, field, params, want string }{
		{"without a field the record is the value", `{"a": "b"}`, "", "", `{"a": "b"}`},
		{"plain says so", "a b", "", "format=plain", "a b"},
		{"other parameters do not count", "a b", "", "namespace=team&stage=x", "a b"},
		{"json without a field is the record", ` {"a": "b"}`[1:], "", "format=json", `{"a": "b"}`},
		{"a field implies JSON", `{"a": "b"}`, "a", "", "b"},
		{"a field whose name has a dot or a blank", `{"a.b c": "d"}`, "a.b c", "", "d"},
		{"the other fields may be anything", `{"n": 1e5, "b": [true, false, null, {}], "a": "b", "é": "x"}`, "a", "", "b"},
		{"a pointer goes down", `{"a": {"b": ["x", {"c": "d"}]}}`, "/a/b/1/c", "", "d"},
		{"a pointer has escapes", `{"a/b": {"c~d": "e"}}`, "/a~1b/c~0d", "", "e"},
		{"a pointer to the empty name", `{"": "a"}`, "/", "", "a"},
		{"a list at the top", `["a", "b"]`, "/1", "", "b"},
		{"a name may be escaped", `{"\u0061": "b"}`, "a", "", "b"},
		{"every escape is undone once", `{"a": "\"\\\/\u0041\u00e9\t-\\n"}`, "a", "", "\"\\/Aé\t-\\n"},
		{"a surrogate pair is one character", `{"a": "\ud83d\udd11"}`, "a", "", "🔑"},
		{"what is no UTF-8 stays as it is", "{\"a\": \"x\xff\xfey\"}", "a", "", "x\xff\xfey"},
		{"U+2028 and markup stay as they are", "{\"a\": \"<&>\u2028x\"}", "a", "", "<&>\u2028x"},

		{"a variable of an env file", "# keys\n\nA=1\nB=two words\n", "B", "format=env", "two words"},
		{"a variable that a shell would export", "export B=x=y\n", "B", "format=env", "x=y"},
		{"a value in single quotes", `B='a"\$b'`, "B", "format=env", `a"\$b`},
		{"a value in double quotes", `B="a b # c"`, "B", "format=env", "a b # c"},
		{"blanks and CR after the closing quote", "B='a' \r\n", "B", "format=env", "a"},
		{"the last line needs no newline", "A=1\nB=2", "B", "format=env", "2"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			values, faults := normalize.Normalize(one(test.record, at(test.field, test.params)))
			if faults != nil {
				t.Fatal(faults)
			}
			if got := values[key.DefaultPart].Reveal(); string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestEnvelopesThatDoNotOpen(t *testing.T) {
	for _, test := range []struct {
		rule, record, field, params string
		want                        normalize.Name
		offset                      int
		detail                      string
	}{
		{"a cut record", `{"a": "b`, "a", "", normalize.NotJSON, 8, "closing quote"},
		{"a plain record read as JSON", "sk-ant-abc", "a", "", normalize.NotJSON, 0, "format=env"},
		{"more after the document", `{"a": "b"} x`, "a", "", normalize.NotJSON, 11, "nothing more"},
		{"a comma too many", `{"a": "b",}`, "a", "", normalize.NotJSON, 10, "name in quotes"},
		{"a control character in a string", "{\"a\": \"b\n\"}", "a", "", normalize.NotJSON, 8, "control"},
		{"an unknown escape", `{"a": "\x41"}`, "a", "", normalize.NotJSON, 8, "escape"},
		{"half a surrogate pair", `{"a": "b\ud83d"}`, "a", "", normalize.NotJSON, 8, "surrogate"},
		{"a number that is none", `{"a": 01}`, "a", "", normalize.NotJSON, 7, "comma"},
		{"a record nested too deep", strings.Repeat("[", 100), "/0", "", normalize.NotJSON, 65, "levels"},
		{"a byte order mark before JSON", "\ufeff{}", "a", "", normalize.ByteOrderMark, 0, "the record begins"},

		{"a number", `{"a": 12345678901234567890}`, "a", "", normalize.NotAString, 6, "a number"},
		{"a boolean", `{"a": true}`, "a", "", normalize.NotAString, 6, "true or false"},
		{"null", `{"a": null}`, "a", "", normalize.NotAString, 6, "null"},
		{"an object", `{"a": {"b": "c"}}`, "a", "", normalize.NotAString, 6, "an object"},
		{"a field that is there twice", `{"a": "b", "a": "b"}`, "a", "", normalize.DuplicateField, 16, "2 times"},
		{"a field that is there twice, once escaped", `{"a": "b", "\u0061": "c"}`, "a", "", normalize.DuplicateField, 21, "2 times"},
		{"a missing field", `{"b": "c"}`, "a", "", normalize.MissingField, 0, `no field "a"`},
		{"a missing field that is spelled alike", `{"anthropic": "c"}`, "antropic", "", normalize.MissingField, 0, `but "anthropic"`},
		{"a missing field that differs in case", `{"KEY": "c"}`, "key", "", normalize.MissingField, 0, `but "KEY"`},
		{"a pointer into a string", `{"a": "b"}`, "/a/b", "", normalize.MissingField, 6, "step 2"},
		{"a pointer past the end of a list", `["a"]`, "/1", "", normalize.MissingField, 0, "list of 1"},
		{"an index with a leading zero", `["a", "b"]`, "/01", "", normalize.MissingField, 0, "index"},
		{"a pointer with a bad escape", `{"a~b": "c"}`, "/a~b", "", normalize.MissingField, 0, "~0"},

		{"a line that is no assignment", "A=1\nnonsense\n", "A", "format=env", normalize.NotEnv, 4, "NAME=value"},
		{"a quote that does not end", "A=1\nB='x\ny'\n", "A", "format=env", normalize.NotEnv, 6, "quote"},
		{"a variable that is set twice", "A=1\nA=2\n", "A", "format=env", normalize.DuplicateField, 6, "2 times"},
		{"a missing variable", "A=1\n", "B", "format=env", normalize.MissingField, 0, "no variable B"},
		{"a missing variable that is spelled alike", "API_KEY=1\n", "API_KEYS", "format=env", normalize.MissingField, 0, "but API_KEY"},
		{"a backslash in double quotes", `A="a\nb"`, "A", "format=env", normalize.Ambiguous, 2, "single quotes"},
		{"a dollar sign in double quotes", `A="a$b"`, "A", "format=env", normalize.Ambiguous, 2, "single quotes"},
		{"a backslash without quotes", `A=a\b`, "A", "format=env", normalize.Ambiguous, 2, "backslash"},
		{"what may be a comment", `A=a # b`, "A", "format=env", normalize.Ambiguous, 2, "#"},
		{"more after the closing quote", `A='a'b`, "A", "format=env", normalize.Ambiguous, 2, "closing quote"},
		{"a byte order mark before an env file", "\ufeffA=1\n", "A", "format=env", normalize.ByteOrderMark, 0, "the record begins"},

		{"an unknown format", "a", "", "format=yaml", normalize.UnknownFormat, 0, "format=yaml"},
		{"plain with a field", "a", "b", "format=plain", normalize.UnknownFormat, 0, "format=plain"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, faults := normalize.Normalize(one(test.record, at(test.field, test.params)))
			if len(faults) != 1 {
				t.Fatalf("faults are %v, want one", names(faults))
			}
			f := faults[0]
			if f.Name != test.want || f.Offset != test.offset || !strings.Contains(f.Detail, test.detail) {
				t.Errorf("fault is %v, want %s at byte %d with %q", f, test.want, test.offset, test.detail)
			}
		})
	}
}

func TestNoNameThatIsNotAlikeIsShown(t *testing.T) {
	for _, record := range []string{`{"` + good + `": "x"}`, `{"ab": "x"}`} {
		_, faults := normalize.Normalize(one(record, at("cd", "")))
		if len(faults) != 1 || strings.Contains(faults.Error(), "but") {
			t.Errorf("faults are %v", faults)
		}
	}
}

func TestAnObjectIsAValueWhereTheFormIsJSON(t *testing.T) {
	in := one(`{"account": {"type": "x", "n": 1.0}, "b": 1}`, at("account", ""))
	in.Form = normalize.JSON
	values, faults := normalize.Normalize(in)
	if want := `{"type": "x", "n": 1.0}`; faults != nil || string(values[key.DefaultPart].Reveal()) != want {
		t.Errorf("faults are %v, want the bytes of the object", faults)
	}
}

func TestWrappingInBase64(t *testing.T) {
	plain := "\xfb\xff\xfe~~?key"
	std, url := base64.StdEncoding.EncodeToString([]byte(plain)), base64.URLEncoding.EncodeToString([]byte(plain))
	for rule, wrapped := range map[string]string{
		"the standard alphabet":  std,
		"the alphabet of URLs":   url,
		"without padding":        strings.TrimRight(url, "="),
		"with base64(1)'s lines": std[:8] + "\n" + std[8:] + "\n",
	} {
		t.Run(rule, func(t *testing.T) {
			in := one(wrapped, at("", ""))
			in.Base64 = true
			values, faults := normalize.Normalize(in)
			if faults != nil || string(values[key.DefaultPart].Reveal()) != plain {
				t.Errorf("faults are %v, or the bytes are others", faults)
			}
		})
	}
	t.Run("what is no base64 is a fault with its place", func(t *testing.T) {
		in := one("YWJj*GVm", at("", ""))
		in.Base64 = true
		_, faults := normalize.Normalize(in)
		if !slices.Equal(names(faults), []normalize.Name{normalize.NotBase64}) || faults[0].Offset != 4 {
			t.Errorf("faults are %v", faults)
		}
	})
	t.Run("what is inside is linted", func(t *testing.T) {
		in := one(base64.StdEncoding.EncodeToString([]byte("hunter22\n")), at("", ""))
		in.Base64 = true
		_, faults := normalize.Normalize(in)
		if !slices.Equal(names(faults), []normalize.Name{normalize.TrailingNewline}) {
			t.Errorf("faults are %v", faults)
		}
	})
}

func TestTrim(t *testing.T) {
	for _, test := range []struct {
		rule, stored, want string
		faults             []normalize.Name
	}{
		{"a newline at the end goes", good + "\n", good, nil},
		{"CRLF at the end goes", good + "\r\n", good, nil},
		{"a byte order mark and blanks go", "\ufeff \t" + good + "\u00a0\n", good, nil},
		{"what needs nothing stays", good, good, nil},
		{"quotes stay, and are a fault", `"` + good + "\"\n", "", []normalize.Name{normalize.Quotes}},
		{"what is only blank is empty", " \n", "", []normalize.Name{normalize.Empty}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			in := input(normalize.Token, test.stored)
			in.Trim = true
			values, faults := normalize.Normalize(in)
			if !slices.Equal(names(faults), test.faults) {
				t.Fatalf("faults are %v, want %v", names(faults), test.faults)
			}
			if faults == nil && string(values[key.DefaultPart].Reveal()) != test.want {
				t.Error("the value is not what is left after trimming")
			}
		})
	}
	t.Run("places stay those of what is stored", func(t *testing.T) {
		in := input(normalize.Text, "  ab\x01\n")
		in.Trim = true
		_, faults := normalize.Normalize(in)
		if len(faults) != 1 || faults[0].Offset != 4 {
			t.Errorf("faults are %v", faults)
		}
	})
}

func TestPartsOfOneRecord(t *testing.T) {
	in := normalize.Input{
		Data: secret.New([]byte(`{"id": "AKIA", "secret": "s", "bad": "x\n", "worse": 1}`)),
		Refs: map[key.Part]key.Ref{"access_key": at("id", ""), "secret_key": at("secret", "")},
		Form: normalize.Text,
	}
	values, faults := normalize.Normalize(in)
	if faults != nil || string(values["access_key"].Reveal()) != "AKIA" || string(values["secret_key"].Reveal()) != "s" {
		t.Fatalf("faults are %v, or the parts are mixed up", faults)
	}

	in.Refs["secret_key"] = at("bad", "")
	in.Refs["token"] = at("worse", "")
	values, faults = normalize.Normalize(in)
	if values != nil {
		t.Error("some parts came out although others are faulty")
	}
	if want := []normalize.Name{normalize.NotAString, normalize.TrailingNewline}; !slices.Equal(names(faults), want) {
		t.Fatalf("faults are %v, want %v: those of a record lead", names(faults), want)
	}
	if faults[0].Part != "token" || !strings.Contains(faults.Error(), "of part secret_key") {
		t.Errorf("faults do not name their parts: %v", faults)
	}
}

func TestVerdict(t *testing.T) {
	_, faults := normalize.Normalize(input(normalize.Token, `"`+good+"\"\n"))
	v := faults.Verdict()
	if v.Outcome != key.Dead || v.Reason != key.Malformed || v.Which != "quotes" {
		t.Errorf("verdict is %s/%s/%s", v.Outcome, v.Reason, v.Which)
	}
	for _, part := range []string{"quotes at byte 0 (line 1, column 1)", "trailing_newline at byte 79"} {
		if !strings.Contains(v.Detail, part) {
			t.Errorf("detail %q has no %q", v.Detail, part)
		}
	}
	if v.Rejected() {
		t.Error("a local fault counts as a rejection by the issuer")
	}
}

func TestTheWholeRecordIsNotCopied(t *testing.T) {
	data := []byte(good)
	in := input(normalize.Token, "")
	in.Data = secret.New(data)
	values, _ := normalize.Normalize(in)
	got := values[key.DefaultPart].Reveal()
	if !bytes.Equal(got, data) || &got[0] != &data[0] {
		t.Error("a value that needs no opening has been copied: one copy more in memory")
	}
}
