package catalog_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// anyKey makes an issuer that knows every key it is asked about, or none.
func anyKey(live bool, sent func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i := fakeissuer.New()
		if live {
			i.Add(sent(r), fakeissuer.Account{Organization: "org-1", Workspace: "wrkspc_1"})
		}
		i.ServeHTTP(w, r)
	}
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// either is where a token and the made-up API key beside it are.
func either(r *http.Request) string { return bearer(r) + apiKey(r) }

func apiKey(r *http.Request) string { return r.Header.Get("X-Api-Key") }

func newClient(t *testing.T) *http.Client {
	t.Helper()
	c, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func newChecker(t *testing.T, id string, s catalog.Settings) validator.Checker {
	t.Helper()
	p, err := catalog.Builtin().Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	if s.Client == nil {
		s.Client = newClient(t)
	}
	c, err := p.Checker(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		provider, value string
		sent            func(*http.Request) string
	}{
		"anthropic API key":     {"anthropic", fakeissuer.NewAnthropicKey(), apiKey},
		"anthropic admin key":   {"anthropic", fakeissuer.NewAnthropicAdminKey(), apiKey},
		"anthropic OAuth token": {"anthropic", fakeissuer.NewAnthropicToken(), either},
		"openai key":            {"openai", fakeissuer.NewOpenAIKey(), bearer},
		"openai admin key":      {"openai", fakeissuer.NewOpenAIAdminKey(), bearer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkertest.Run(t, checkertest.Harness{
				New: func(t *testing.T, url string) validator.Checker {
					return newChecker(t, c.provider, catalog.Settings{BaseURL: url})
				},
				Value: c.value,
				Sent:  c.sent,
				Live:  anyKey(true, c.sent),
				Dead:  anyKey(false, c.sent),
			})
		})
	}
}
