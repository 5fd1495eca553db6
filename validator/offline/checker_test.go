package offline_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
	"github.com/livekey/livekey/validator/offline"
)

func check(t *testing.T, provider string, s catalog.Settings, m proof.Material) key.Verdict {
	t.Helper()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	p, err := catalog.Builtin().Lookup(provider)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client
	s.Decoders = map[string]validator.Decoder{"bedrock": offline.Bedrock, "jwt": offline.JWT, "x509": offline.KeyPair}
	c, err := p.Checker(s)
	if err != nil {
		t.Fatal(err)
	}
	return c.Check(t.Context(), m)
}

func says(t *testing.T, name string, v key.Verdict, want string) {
	t.Helper()
	if got := v.Outcome.String() + "/" + string(v.Reason); got != want {
		t.Errorf("%s: got %s, want %s: %s", name, got, want, v.Detail)
	}
}

// A short-term key is sent where and while it is good, and nowhere else.
func TestAShortTermKeyIsSentWhileItIsGood(t *testing.T) {
	sent := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent++
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Requestid", "1")
		_, _ = w.Write([]byte(`{"modelSummaries":[]}`))
	}))
	defer s.Close()
	in := func(region string) catalog.Settings {
		return catalog.Settings{BaseURL: s.URL, With: map[string]string{"region": region}}
	}
	key := func(from time.Time) proof.Material {
		return checkertest.Material(shortTerm("ASIAQNZGKIQY56JQ7WML/20261126/eu-west-1/bedrock/aws4_request", from.UTC().Format("20060102T150405Z"), "43200"))
	}
	good := check(t, "aws-bedrock-key", in("eu-west-1"), key(time.Now().Add(-time.Hour)))
	says(t, "good", good, "live/valid")
	if left := time.Until(good.ExpiresAt); left < 10*time.Hour || left > 11*time.Hour || good.Identity["account"] != "029608264753" || good.Identity["region"] != "eu-west-1" {
		t.Errorf("ends in %s, of %v", left, good.Identity)
	}
	if sent != 1 {
		t.Fatalf("sent %d times", sent)
	}
	says(t, "past its end", check(t, "aws-bedrock-key", in("eu-west-1"), key(time.Now().Add(-13*time.Hour))), "dead/expired")
	says(t, "not begun", check(t, "aws-bedrock-key", in("eu-west-1"), key(time.Now().Add(time.Hour))), "unknown/misconfigured")
	says(t, "of another region", check(t, "aws-bedrock-key", in("us-east-1"), key(time.Now().Add(-time.Hour))), "unknown/misconfigured")
	if sent != 1 {
		t.Errorf("sent %d times", sent)
	}
	says(t, "a long-term key", check(t, "aws-bedrock-key", in("us-east-1"),
		checkertest.Material("ABSK"+base64.StdEncoding.EncodeToString([]byte("BedrockAPIKey-a1b2-at-123456789012:"+"c2VjcmV0IG9mIG5vYm9keSBhdCBhbGw=")))), "live/valid")
}

// What nobody is asked about is never live, and dead past its own end or where its
// parts are of no use.
func TestOfflineKeys(t *testing.T) {
	says(t, "a JWT", check(t, "jwt", catalog.Settings{}, checkertest.Material(token(rs256, `{"sub":"ci","exp":4102444800}`))), "unknown/no_provider")
	says(t, "a JWT past its end", check(t, "jwt", catalog.Settings{}, checkertest.Material(token(rs256, `{"exp":1600000000}`))), "dead/expired")
	says(t, "no JWT", check(t, "jwt", catalog.Settings{}, checkertest.Material("not.a.token!")), "dead/malformed")

	k, other := newKey(t), newKey(t)
	lasting := func(private *ecdsa.PrivateKey, from, until time.Duration) string {
		return certPEM(signed(t, "app", private, nil, nil, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(until)
		}))
	}
	pair := func(cert, private string) proof.Material {
		return checkertest.MaterialOf(map[key.Part]string{"cert": cert, "key": private})
	}
	says(t, "a pair", check(t, "x509", catalog.Settings{}, pair(lasting(k, -time.Hour, time.Hour), keyPEM(t, k))), "unknown/no_provider")
	says(t, "a pair past its end", check(t, "x509", catalog.Settings{}, pair(lasting(k, -2*time.Hour, -time.Hour), keyPEM(t, k))), "dead/expired")
	says(t, "a pair that has not begun", check(t, "x509", catalog.Settings{}, pair(lasting(k, time.Hour, 2*time.Hour), keyPEM(t, k))), "unknown/misconfigured")
	says(t, "two halves of two pairs", check(t, "x509", catalog.Settings{}, pair(lasting(k, -time.Hour, time.Hour), keyPEM(t, other))), "dead/malformed")
}
