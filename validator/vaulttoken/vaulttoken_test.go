package vaulttoken

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/validator"
)

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		value, namespace string
		elsewhere        bool
	}{
		"of the root namespace":                 {"hvs.CAESIJ0example", "", false},
		"a batch token":                         {"hvb.AAAAAQexample", "", false},
		"of the years before kinds had a mark":  {"s.3hZGqjFm6EFTdDNhJDmWJxY2", "", false},
		"of a namespace that nobody named":      {"hvs.CAESIJ0example.Qd1Rl", "", true},
		"of such a namespace, before the marks": {"s.3hZGqjFm6EFTdDNhJDmWJxY2.Qd1Rl", "", true},
		"of a namespace that the config names":  {"hvs.CAESIJ0example.Qd1Rl", "team-a", false},
		"an id that somebody chose":             {"hello", "", false},
	} {
		got, err := Decode(validator.Coded{Part: func(string) string { return c.value }, With: map[string]string{"namespace": c.namespace}})
		if want := map[string]any{"elsewhere": c.elsewhere}; err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func sign(t *testing.T, path string) (*http.Request, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://vault.internal/v1/auth/token/lookup", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, Sign(r, validator.Signing{With: map[string]string{"token_file": path}})
}

// Agents renew the token in the file, and nobody tells livekey.
func TestTheFileIsReadForEachCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, token := range []string{"hvs.first", "hvs.second"} {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := sign(t, path)
		if err != nil || r.Header.Get("X-Vault-Token") != token {
			t.Errorf("sent %q, %v", r.Header.Get("X-Vault-Token"), err)
		}
	}
}

func TestFilesThatAreNotTaken(t *testing.T) {
	dir := t.TempDir()
	empty, open, large := filepath.Join(dir, "empty"), filepath.Join(dir, "open"), filepath.Join(dir, "large")
	for path, text := range map[string]string{empty: " \n", open: "hvs.everybodys", large: strings.Repeat("x", longest+1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		empty: "is empty", open: "everybody may write it", large: "larger than",
		filepath.Join(dir, "none"): "no such file", "token": "from / on", "": "from / on",
	} {
		r, err := sign(t, path)
		if err == nil || !strings.Contains(err.Error(), want) || r.Header.Get("X-Vault-Token") != "" {
			t.Errorf("%s: %v", path, err)
		}
		if err != nil && strings.Contains(err.Error(), "hvs.") {
			t.Error("the error quotes the token")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("hvs.CAESIJ0example.Qd1Rl")
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := Decode(validator.Coded{Part: func(string) string { return value }}); err != nil {
			t.Fatal(err)
		}
	})
}
