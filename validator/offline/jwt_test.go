package offline_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livekey/livekey/validator/offline"
)

func token(header, claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString([]byte("signed by nobody at all"))
}

const rs256 = `{"alg":"RS256","typ":"JWT","kid":"1"}`

func TestJWT(t *testing.T) {
	type facts = map[string]any
	for name, c := range map[string]struct {
		value string
		want  facts
	}{
		"issuer, subject, audience, scopes and dates": {
			token(rs256, `{"iss":"https://issuer.example","sub":"ci","aud":"api","scope":"read write","nbf":1795690800,"exp":1795780800.5}`),
			facts{
				"issuer": "https://issuer.example", "subject": "ci", "audience": []any{"api"}, "scopes": []any{"read", "write"},
				"starts": "2026-11-26T11:00:00Z", "early": false, "expires": "2026-11-27T12:00:00Z", "expired": false,
			},
		},
		"past its end": {
			token(rs256, `{"exp":1795690800}`), facts{"expires": "2026-11-26T11:00:00Z", "expired": true},
		},
		"before its beginning": {
			token(rs256, `{"nbf":1795698000,"aud":["a","b",3],"scp":["x","y"]}`),
			facts{"starts": "2026-11-26T13:00:00Z", "early": true, "audience": []any{"a", "b"}, "scopes": []any{"x", "y"}},
		},
		"without dates it never ends":                   {token(rs256, `{"sub":"robot"}`), facts{"subject": "robot"}},
		"an algorithm that nobody here knows":           {token(`{"alg":"ES256K"}`, `{"sub":"robot"}`), facts{"subject": "robot"}},
		"no algorithm at all":                           {token(`{"alg":"none"}`, `{"sub":"robot"}`), facts{"subject": "robot"}},
		"claims of another type than usual say nothing": {token(rs256, `{"iss":1,"sub":{},"aud":7,"exp":"soon","nbf":1e300,"scope":[]}`), facts{}},
		"an encrypted one tells nothing":                {"eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", facts{"encrypted": true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := offline.JWT(coded(map[string]string{"value": c.value}, nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoJWT(t *testing.T) {
	good := token(rs256, `{"sub":"robot"}`)
	for name, value := range map[string]string{
		"cut off":                good[:len(good)/2],
		"cut in its claims":      strings.Replace(good, ".e30", ".e3", 1)[:40] + "..",
		"the name of a file":     "/var/run/secrets/token",
		"a payload of no object": token(rs256, `null`),
		"a payload of a list":    token(rs256, `[1]`),
		"another text":           "sk-ant-1.2.3",
		"the JSON form of a JWS": `{"payload":"e30","protected":"eyJhbGciOiJub25lIn0","signature":"","x":"a.b.c"}`,
		"nothing":                "",
	} {
		t.Run(name, func(t *testing.T) {
			facts, err := offline.JWT(coded(map[string]string{"value": value}, nil))
			if err == nil {
				t.Fatalf("got %v", facts)
			}
			if value != "" && strings.Contains(err.Error(), value) {
				t.Error("the error quotes the value")
			}
		})
	}
}

func FuzzJWT(f *testing.F) {
	f.Add(rs256, `{"iss":"https://issuer.example","sub":"ci","aud":["api"],"scope":"read write","nbf":1795690800,"exp":1795780800.5}`)
	f.Add(`{"alg":"none","crit":["b64"],"b64":false}`, `{"exp":-9e99}`)
	f.Add(`{"jwk":{"kty":"oct"}}`, `{`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		for _, value := range []string{token(header, claims), header + "." + claims + ".", header} {
			facts, err := offline.JWT(coded(map[string]string{"value": value}, nil))
			if err != nil && len(value) > 8 && strings.Contains(err.Error(), value) {
				t.Fatal("the error quotes the value")
			}
			for _, fact := range facts {
				if text := fmt.Sprint(fact); strings.Count(value, ".") == 2 && strings.Contains(text, value) {
					t.Fatal("a fact has the value")
				}
			}
		}
	})
}
