package google

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/livekey/livekey/validator"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func pemOf(t testing.TB, private any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keyFile is the JSON of a key as Google writes it, with some fields changed.
func keyFile(t testing.TB, change map[string]any) string {
	t.Helper()
	fields := map[string]any{
		"type": "service_account", "project_id": "acme-prod", "private_key_id": "0123456789abcdef0123456789abcdef01234567",
		"private_key": pemOf(t, testKey()), "client_email": "deployer@acme-prod.iam.gserviceaccount.com", "client_id": "1",
		"auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token",
	}
	maps.Copy(fields, change)
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decode(value string) (map[string]any, error) {
	return Decode(validator.Coded{Part: func(string) string { return value }})
}

func TestDecode(t *testing.T) {
	whose := map[string]any{
		"client_email": "deployer@acme-prod.iam.gserviceaccount.com", "project": "acme-prod",
		"key_id": "0123456789abcdef0123456789abcdef01234567", "elsewhere": false,
	}
	away := maps.Clone(whose)
	away["elsewhere"] = true
	for name, c := range map[string]struct {
		change map[string]any
		want   map[string]any
	}{
		"a key tells whose it is":                   {nil, whose},
		"tokens made by somebody else":              {map[string]any{"token_uri": "https://oauth2.example.com/token"}, away},
		"tokens made nowhere":                       {map[string]any{"token_uri": ""}, away},
		"what looks like no name is not told":       {map[string]any{"project_id": "-----BEGIN", "private_key_id": "x y"}, map[string]any{"client_email": whose["client_email"], "elsewhere": false}},
		"credentials of a user are of another kind": {map[string]any{"type": "authorized_user"}, map[string]any{"other_type": true}},
		"so is what says no kind":                   {map[string]any{"type": nil, "private_key": "x"}, map[string]any{"other_type": true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(keyFile(t, c.change))
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestWhatIsNoServiceAccount(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	whole := pemOf(t, testKey())
	for name, c := range map[string]struct{ value, want string }{
		"the name of the file":               {"/etc/gcp/key.json", "not its name"},
		"JSON of another shape":              {`{"type": 7}`, "not the JSON"},
		"an escaped private key":             {keyFile(t, map[string]any{"private_key": strings.ReplaceAll(whole, "\n", `\n`)}), `\n as two characters`},
		"no private key":                     {keyFile(t, map[string]any{"private_key": ""}), "private_key is missing"},
		"a private key that is cut":          {keyFile(t, map[string]any{"private_key": "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}), "cut off"},
		"a key that is not RSA":              {keyFile(t, map[string]any{"private_key": pemOf(t, ec)}), "no whole RSA key"},
		"no address":                         {keyFile(t, map[string]any{"client_email": ""}), "client_email is missing"},
		"a secret where the address belongs": {keyFile(t, map[string]any{"client_email": whole}), "client_email is missing"},
	} {
		if got, err := decode(c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func sign(t *testing.T, value string, with map[string]string) (*http.Request, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tokenURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, Sign(r, validator.Signing{Part: func(string) string { return value }, With: with, Now: time.Unix(1795690800, 0)})
}

func TestSign(t *testing.T) {
	r, err := sign(t, keyFile(t, nil), map[string]string{"scope": "email"})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	if int64(len(body)) != r.ContentLength || strings.Contains(string(body), "PRIVATE") {
		t.Errorf("%d bytes, length %d", len(body), r.ContentLength)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(form) != 2 {
		t.Fatalf("form %v, %v", form, err)
	}
	assertion, err := jwt.ParseSigned(form.Get("assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := assertion.Claims(&testKey().PublicKey, &claims); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "deployer@acme-prod.iam.gserviceaccount.com", "aud": tokenURI, "scope": "email", "iat": 1795690800.0, "exp": 1795691100.0,
	}
	if !maps.Equal(claims, want) || assertion.Headers[0].KeyID != "0123456789abcdef0123456789abcdef01234567" {
		t.Errorf("claims %v, headers %v", claims, assertion.Headers)
	}
}

// An assertion is as good as the key for as long as it lives.
func TestNothingIsSignedForElsewhere(t *testing.T) {
	for name, value := range map[string]string{
		"another place": keyFile(t, map[string]any{"token_uri": "https://oauth2.googleapis.com.evil.example/token"}),
		"no place":      keyFile(t, map[string]any{"token_uri": ""}),
		"no key":        "x",
		"a broken key":  keyFile(t, map[string]any{"private_key": "x"}),
	} {
		if r, err := sign(t, value, map[string]string{"scope": "email"}); err == nil || r.Body != nil {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
	if _, err := sign(t, keyFile(t, nil), nil); err == nil {
		t.Error("a file that says no scope is taken")
	}
}

// A made-up credential has no private key, and is asked about all the same.
func TestAMadeUpAccountIsSignedByNobody(t *testing.T) {
	r, err := sign(t, `{"type":"service_account","client_email":"x@y.iam.gserviceaccount.com","token_uri":"`+tokenURI+`"}`, map[string]string{"scope": "email"})
	if err != nil || r.Body == nil {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(keyFile(f, nil))
	f.Add(`{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}`)
	f.Add(`{"type":null}`)
	f.Fuzz(func(t *testing.T, value string) {
		facts, err := decode(value)
		if (err == nil) == (facts == nil) {
			t.Fatalf("%v, %v", facts, err)
		}
		k, _ := read(value)
		for name, fact := range facts {
			if text, ok := fact.(string); ok && len(k.Private) > 0 && strings.Contains(text, k.Private) {
				t.Fatalf("%s has the private key", name)
			}
		}
	})
}
