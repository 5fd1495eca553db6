package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// issuers answer as those of the built-in providers do to a good key.
type issuers map[string]string // host: body

func (is issuers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(is[r.URL.Host])), Request: r}, nil
}

func TestAKeyOfAnotherIssuerIsAnotherOwners(t *testing.T) {
	b := newByPrefix(catalog.Builtin(), &http.Client{Transport: issuers{
		"api.openai.com": `{"object":"list","data":[]}`,
		"huggingface.co": `{"type":"user","name":"mallory"}`,
	}})
	first := b.Check(t.Context(), checkertest.Material("sk-proj-"+strings.Repeat("a", 60)))
	other := b.Check(t.Context(), checkertest.Material("hf_"+strings.Repeat("b", 34)))
	for _, pin := range b.Pins() {
		if want := first.Identity[pin]; want != "" && other.Identity[pin] != want {
			return
		}
	}
	t.Errorf("no field of %q holds %v back where %v is delivered", b.Pins(), other, first)
}
