package env_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/env"
	"github.com/livekey/livekey/sources/sourcetest"
)

func open(t *testing.T) sources.Source {
	t.Helper()
	src, err := env.FromConfig(sources.Env{Name: "env"}, config.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func at(name string) key.Location { return key.Location{Source: "env", Path: name} }

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Harness {
		return sourcetest.Harness{
			Open:     open,
			Location: func(name string) key.Location { return at("LIVEKEY_TEST_" + name) },
			Put: func(t *testing.T, name string, data []byte) {
				t.Setenv("LIVEKEY_TEST_"+name, string(data))
			},
			Carries: func(data []byte) bool { return !bytes.Contains(data, []byte{0}) },
		}
	})
}

func TestFetch(t *testing.T) {
	t.Setenv("LIVEKEY_TEST_EMPTY", "")
	t.Setenv("LIVEKEY_TEST_EQUALS", "a=b=c")
	src := open(t)

	r, err := src.Fetch(t.Context(), at("LIVEKEY_TEST_EQUALS"))
	if err != nil || string(r.Data.Reveal()) != "a=b=c" {
		t.Errorf("a value with equals signs was cut: err = %v", err)
	}
	for name, want := range map[string]string{"LIVEKEY_TEST_EMPTY": "empty", "LIVEKEY_TEST_UNSET": "unset"} {
		_, err := src.Fetch(t.Context(), at(name))
		if !errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("fetch %s: err = %v, want not found, because it is %s", name, err, want)
		}
	}

	t.Setenv("LIVEKEY_TEST_EQUALS", "changed")
	r, err = src.Fetch(t.Context(), at("LIVEKEY_TEST_EQUALS"))
	if err != nil || string(r.Data.Reveal()) != "a=b=c" {
		t.Errorf("the environment is not the one of the start: err = %v", err)
	}
}

func TestLint(t *testing.T) {
	src := open(t).(sources.Linter)
	for _, test := range []struct {
		rule string
		ref  key.Ref
		want string
	}{
		{"a variable is fine", key.Ref{Location: at("ANTHROPIC_API_KEY")}, ""},
		{"a field of a variable is fine", key.Ref{Location: at("KEYS"), Field: "a"}, ""},
		{"a path is no variable", key.Ref{Location: at("/etc/keys/a")}, "cannot be a variable"},
		{"a name does not begin with a digit", key.Ref{Location: at("1A")}, "cannot be a variable"},
		{"a variable has no versions", key.Ref{Location: key.Location{Path: "A", Version: "1"}}, "no versions"},
		{"a parameter is refused", key.Ref{Location: key.Location{Path: "A", Params: "stage=x"}}, `"stage"`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			err := src.Lint(test.ref)
			if (err == nil) != (test.want == "") {
				t.Fatalf("err = %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestSettingsAreRefused(t *testing.T) {
	node, err := config.Parse("livekey.yaml", "sources.env", "prefix: A_")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.FromConfig(sources.Env{}, node); err == nil {
		t.Error("a setting that does not exist was accepted")
	}
}
