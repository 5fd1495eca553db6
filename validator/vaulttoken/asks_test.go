package vaulttoken_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// asked is what reached Vault.
type asked struct {
	method, path, token, body string
	namespace                 []string // nil: no such header
}

// Vault hears of the namespace only where the config names one, and sees the token that
// is proved in the body alone, where there is one of livekey's own to show.
func TestWhatVaultIsAsked(t *testing.T) {
	const proved = "hvs.CAESIJexampleexampleexample"
	file := filepath.Join(t.TempDir(), "lookup-token")
	if err := os.WriteFile(file, []byte("hvs.livekeys-own\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		with map[string]string
		want asked
	}{
		"a lookup in a namespace": {
			map[string]string{"lookup_token_file": file, "namespace": "team-a"},
			asked{"POST", "/v1/auth/token/lookup", "hvs.livekeys-own", `{"token":"` + proved + `"}`, []string{"team-a"}},
		},
		"a lookup in the root": {
			map[string]string{"lookup_token_file": file},
			asked{"POST", "/v1/auth/token/lookup", "hvs.livekeys-own", `{"token":"` + proved + `"}`, nil},
		},
		"a token that shows itself": {
			map[string]string{"namespace": "team-a"},
			asked{"GET", "/v1/auth/token/lookup-self", proved, "", []string{"team-a"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got asked
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = asked{r.Method, r.URL.Path, r.Header.Get("X-Vault-Token"), string(body), r.Header.Values("X-Vault-Namespace")}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"errors":["bad token"]}`)
			}))
			defer s.Close()
			newChecker(t, catalog.Settings{BaseURL: s.URL, With: c.with, OptIn: true}).Check(t.Context(), checkertest.Material(proved))
			if len(got.namespace) != len(c.want.namespace) || len(got.namespace) > 0 && got.namespace[0] != c.want.namespace[0] {
				t.Errorf("in the namespace %q, want %q", got.namespace, c.want.namespace)
			}
			if got.method != c.want.method || got.path != c.want.path || got.token != c.want.token || got.body != c.want.body {
				t.Errorf("asked %s %s, token and body as wanted: %v %v", got.method, got.path, got.token == c.want.token, got.body == c.want.body)
			}
		})
	}
}

// The file may be there later, or renewed: until then nothing is known, and nothing sent.
func TestWithoutTheFileNothingIsSent(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	defer s.Close()
	c := newChecker(t, catalog.Settings{BaseURL: s.URL, With: map[string]string{"lookup_token_file": filepath.Join(t.TempDir(), "none")}})
	if v := c.Check(t.Context(), checkertest.Material("hvs.CAESIJexampleexampleexample")); v.Outcome != key.Unknown || v.Reason != key.Misconfigured {
		t.Errorf("%+v", v)
	}
}
