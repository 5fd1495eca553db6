package federation_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
	"github.com/livekey/livekey/validator/federation"
	"github.com/livekey/livekey/validator/offline"
)

func identity(until time.Time) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"RS256"}`)) + "." + e(fmt.Appendf(nil, `{"iss":"https://issuer.example","sub":"ci","exp":%d}`, until.Unix())) + "." + e([]byte("nobody"))
}

// Anthropic is asked with what the config says, once it may be, and never about a
// token that is past its end.
func TestATokenIsExchangedByConsent(t *testing.T) {
	var got map[string]string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &got); err != nil || r.URL.Path != "/v1/oauth/token" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"sk-ant-oat01-example","token_type":"Bearer","expires_in":600}`)
	}))
	defer s.Close()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	p, err := catalog.Builtin().Lookup("anthropic-wif")
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{"federation_rule_id": "fdrl_1", "organization_id": "org-1"}
	check := func(value string, with map[string]string, consent bool) (key.Verdict, error) {
		got = nil
		c, err := p.Checker(catalog.Settings{
			BaseURL: s.URL, Client: client, OptIn: consent, With: with,
			Signers:  map[string]validator.Signer{"federation": federation.Sign},
			Decoders: map[string]validator.Decoder{"jwt": offline.JWT},
		})
		if err != nil {
			return key.Verdict{}, err
		}
		return c.Check(t.Context(), checkertest.Material(value)), nil
	}
	if _, err := check("", map[string]string{"federation_rule_id": "fdrl_1"}, true); err == nil {
		t.Error("half of what belongs together is taken")
	}
	good := identity(time.Now().Add(time.Hour))
	if v, err := check(good, with, false); err != nil || v.Reason != key.Unsupported || v.Identity["subject"] != "ci" || got != nil {
		t.Errorf("without consent: %+v, %v, sent %v", v, err, got)
	}
	if v, err := check(identity(time.Now().Add(-time.Hour)), with, true); err != nil || v.Outcome != key.Dead || v.Reason != key.Expired || got != nil {
		t.Errorf("past its end: %+v, %v, sent %v", v, err, got)
	}
	v, err := check(good, with, true)
	want := map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": good,
		"federation_rule_id": "fdrl_1", "organization_id": "org-1",
	}
	if err != nil || v.Outcome != key.Live || v.ExpiresAt.IsZero() || !maps.Equal(got, want) {
		t.Errorf("%+v, %v, sent %d fields", v, err, len(got))
	}
}
