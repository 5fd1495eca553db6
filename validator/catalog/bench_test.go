package catalog_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// What livekey adds to one warm GET on loopback: the floor, the checker, the gates.
func BenchmarkProbe(b *testing.B) {
	i := fakeissuer.New()
	value := fakeissuer.NewAnthropicKey()
	i.Add(value, fakeissuer.Account{Organization: "org-1"})
	srv := httptest.NewServer(i)
	defer srv.Close()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		b.Fatal(err)
	}
	provider, err := catalog.Builtin().Lookup("anthropic")
	if err != nil {
		b.Fatal(err)
	}
	checker, err := provider.Checker(catalog.Settings{BaseURL: srv.URL, Client: client})
	if err != nil {
		b.Fatal(err)
	}
	m := checkertest.Material(value)
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			req, _ := http.NewRequest(http.MethodGet, srv.URL+"/v1/models?limit=1", http.NoBody)
			req.Header.Set("X-Api-Key", value)
			req.Header.Set("Anthropic-Version", "2023-06-01")
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = httpclient.ReadAll(resp.Body, httpclient.MaxProviderBody)
			_ = resp.Body.Close()
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if v := checker.Check(b.Context(), m); v.Outcome != key.Live {
				b.Fatal(v.Detail)
			}
		}
	})
	b.Run("probe", func(b *testing.B) {
		p := validator.NewProber()
		r := validator.Request{Key: "KEY", Provider: "anthropic", Checker: checker, Material: m, Budget: 1 << 30}
		for b.Loop() {
			if v := p.Probe(b.Context(), r); v.Outcome != key.Live {
				b.Fatal(v.Detail)
			}
		}
	})
}

// A daemon with one key parses one provider's file at its start.
func BenchmarkLookup(b *testing.B) {
	for b.Loop() {
		if _, err := catalog.Builtin().Lookup("anthropic"); err != nil {
			b.Fatal(err)
		}
	}
}
