package google

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// issuer answers as Google's token endpoint does: it knows one account, with the key
// of the tests, until that is deleted.
type issuer struct {
	t       *testing.T
	asked   atomic.Int32
	deleted atomic.Bool
	ahead   time.Duration
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.asked.Add(1)
	refuse := func(description string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": description})
	}
	assertion, err := jwt.ParseSigned(r.FormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || r.URL.Path != "/token" {
		i.t.Errorf("%s: %v", r.URL.Path, err)
	}
	var claims jwt.Claims
	if err := assertion.UnsafeClaimsWithoutVerification(&claims); err != nil {
		i.t.Error(err)
	}
	now := time.Now().Add(i.ahead)
	switch {
	case claims.Issuer != "deployer@acme-prod.iam.gserviceaccount.com":
		refuse("Invalid grant: account not found")
	case now.After(claims.Expiry.Time()) || now.Before(claims.IssuedAt.Time().Add(-time.Minute)):
		refuse("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case i.deleted.Load() || assertion.Claims(&testKey().PublicKey, &claims) != nil:
		refuse("Invalid JWT Signature.")
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "ya29.c.example", "expires_in": 3599, "token_type": "Bearer"})
	}
}

// probe asks i about a key, as the daemon does.
func (i *issuer) probe(m proof.Material, consent bool) key.Verdict {
	i.t.Helper()
	s := httptest.NewServer(i)
	defer s.Close()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		i.t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	p, err := catalog.Builtin().Lookup("google-service-account")
	if err != nil {
		i.t.Fatal(err)
	}
	c, err := p.Checker(catalog.Settings{
		BaseURL: s.URL, Client: client, OptIn: consent,
		Signers:  map[string]validator.Signer{"google": Sign},
		Decoders: map[string]validator.Decoder{"google": Decode},
	})
	if err != nil {
		i.t.Fatal(err)
	}
	prober := validator.NewProber()
	defer prober.Wait()
	return prober.Probe(i.t.Context(), validator.Request{Key: "GCP_SA_KEY", Provider: p.ID(), Checker: c, Material: m, Budget: 100})
}

func TestAKeyIsProvedByWhatItSigns(t *testing.T) {
	i := &issuer{t: t}
	good := checkertest.Material(keyFile(t, nil))
	if v := i.probe(good, false); v.Outcome != key.Unknown || v.Reason != key.Unsupported || v.Identity["account"] == "" || i.asked.Load() != 0 {
		t.Errorf("without consent: %+v, asked %d times", v, i.asked.Load())
	}
	if v := i.probe(checkertest.Material(keyFile(t, map[string]any{"token_uri": "https://sts.example/token"})), true); v.Reason != key.Misconfigured || i.asked.Load() != 0 {
		t.Errorf("tokens made elsewhere: %+v, asked %d times", v, i.asked.Load())
	}
	v := i.probe(good, true)
	if v.Outcome != key.Live || v.Identity["account"] != "deployer@acme-prod.iam.gserviceaccount.com" || v.Identity["project"] != "acme-prod" {
		t.Errorf("%+v", v)
	}
	i.deleted.Store(true)
	if v := i.probe(good, true); v.Outcome != key.Dead || v.Reason != key.Revoked || v.Control != key.ControlGood {
		t.Errorf("a key that was deleted: %+v", v)
	}
}

func TestAWrongClockEndsNoKey(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		i := &issuer{t: t, ahead: ahead}
		if v := i.probe(checkertest.Material(keyFile(t, nil)), true); v.Outcome != key.Unknown || v.Reason != key.Misconfigured {
			t.Errorf("%s ahead: %+v", ahead, v)
		}
	}
}
