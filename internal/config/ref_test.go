package config

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/livekey/livekey/internal/key"
)

func ref(source, path string, version key.Version, params, field string) key.Ref {
	return key.Ref{Location: key.Location{Source: source, Path: path, Version: version, Params: params}, Field: field}
}

func TestParseRef(t *testing.T) {
	for _, test := range []struct {
		rule, text string
		want       key.Ref
	}{
		{"a path alone", "env://NAME", ref("env", "NAME", "", "", "")},
		{"an absolute file", "file:///etc/keys/a", ref("file", "/etc/keys/a", "", "", "")},
		{"a field", "vault://secret/prod/llm#anthropic", ref("vault", "secret/prod/llm", "", "", "anthropic")},
		{"a JSON pointer", "vault://s#/a/b", ref("vault", "s", "", "", "/a/b")},
		{"version is no parameter", "vault://s?version=3#a", ref("vault", "s", "3", "", "a")},
		{"parameters are sorted", "awssm://s?stage=X&namespace=a/b&version=1", ref("awssm", "s", "1", "namespace=a/b&stage=X", "")},
		{"an ARN has colons", "awssm://arn:aws:secretsmanager:eu:1:secret:a#b", ref("awssm", "arn:aws:secretsmanager:eu:1:secret:a", "", "", "b")},
		{"escapes of the path are undone", "file:///a%23b%3Fc%25d%3fe", ref("file", "/a#b?c%d?e", "", "", "")},
		{"a field is taken as it is", "file:///a#b%23?c#d", ref("file", "/a", "", "", "b%23?c#d")},
		{"a question mark after the # is the field's", "file:///a#?version=1", ref("file", "/a", "", "", "?version=1")},
		{"blanks stay", "file:///my keys/a b", ref("file", "/my keys/a b", "", "", "")},
		{"a value may have =", "vault://s?namespace=a=b", ref("vault", "s", "", "namespace=a=b", "")},
	} {
		got, err := ParseRef(test.text)
		if err != nil {
			t.Errorf("%s: ParseRef(%q): %v", test.rule, test.text, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: ParseRef(%q) (-want +got):\n%s", test.rule, test.text, diff)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for rule, text := range map[string]string{
		"no source":              "://x",
		"no ://":                 "vault:secret",
		"a source with blanks":   "my vault://x",
		"no path":                "env://",
		"no path but a field":    "env://#a",
		"an empty field":         "env://a#",
		"another escape":         "env://a%41",
		"a cut escape":           "env://a%2",
		"an unescaped %":         "env://100%",
		"a bare parameter":       "vault://s?latest",
		"an empty parameter":     "vault://s?version=",
		"no parameter at all":    "vault://s?",
		"a parameter twice":      "vault://s?a=1&a=2",
		"a newline":              "env://a\nb",
		"bytes that are no text": "env://\xff",
	} {
		if got, err := ParseRef(text); err == nil {
			t.Errorf("%s: ParseRef(%q) = %+v, want an error", rule, text, got)
		}
	}
}

func TestRefsRoundTrip(t *testing.T) {
	plain := rapid.StringOf(rapid.RuneFrom(nil, unicode.Letter, unicode.Digit, unicode.Punct, unicode.Symbol, unicode.Space)).
		Filter(func(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) })
	full := plain.Filter(func(s string) bool { return s != "" })
	rapid.Check(t, func(t *rapid.T) {
		loc := key.Location{
			Source:  rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_.-]{0,20}`).Draw(t, "source"),
			Path:    full.Draw(t, "path"),
			Version: key.Version(plain.Draw(t, "version")),
		}
		namespace := plain.Draw(t, "namespace")
		if namespace != "" {
			loc.Params = "namespace=" + escape(namespace, reserved)
		}
		want := key.Ref{Location: loc, Field: plain.Draw(t, "field")}
		got, err := ParseRef(FormatRef(want))
		if err != nil || got != want {
			t.Fatalf("ParseRef(FormatRef(%+v)) = %+v, %v", want, got, err)
		}
		params, err := url.ParseQuery(got.Params)
		if err != nil || params.Get("namespace") != namespace {
			t.Fatalf("url.ParseQuery(%q) = %v, %v; want namespace %q", got.Params, params, err, namespace)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, text := range []string{
		"env://NAME", "vault://secret/prod/llm?version=3&namespace=team%26a#/a/b", "file:///a%23b%3Fc%25d", "x://?#", "a://b?c=d#",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text)
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), text) {
				t.Fatalf("the error quotes the reference: %v", err)
			}
			return
		}
		again, err := ParseRef(FormatRef(r))
		if err != nil || again != r {
			t.Fatalf("ParseRef(FormatRef(%+v)) = %+v, %v", r, again, err)
		}
		if _, err := url.ParseQuery(r.Params); err != nil {
			t.Fatalf("url.ParseQuery cannot read the parameters %q: %v", r.Params, err)
		}
	})
}
