package sigv4_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
	"github.com/livekey/livekey/validator/sigv4"
)

const region = "us-east-1" // which the provider asks unless a key says otherwise

func newChecker(t *testing.T, url string) validator.Checker {
	t.Helper()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	p, err := catalog.Builtin().Lookup("aws")
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Checker(catalog.Settings{BaseURL: url, Client: client, Signers: map[string]validator.Signer{"sigv4": sigv4.Sign}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func material(p fakeaws.Pair) proof.Material {
	parts := map[key.Part]string{"access_key": p.AccessKey, "secret_key": p.SecretKey}
	if p.SessionToken != "" {
		parts["session_token"] = p.SessionToken
	}
	return checkertest.MaterialOf(parts)
}

func TestConformance(t *testing.T) {
	live, dead := fakeaws.New(region), fakeaws.New(region)
	session := live.NewSession("app")
	checkertest.Run(t, checkertest.Harness{
		New:   newChecker,
		Value: session.SessionToken,
		Material: func(value string) proof.Material {
			return checkertest.MaterialOf(map[key.Part]string{
				"access_key": session.AccessKey, "secret_key": session.SecretKey, "session_token": value,
			})
		},
		Sent: func(r *http.Request) string { // what is made up has no token
			return cmp.Or(r.Header.Get("X-Amz-Security-Token"), fakeaws.AccessKey(r))
		},
		Live: func(w http.ResponseWriter, _ *http.Request) { answer(w, live, session) },
		Dead: dead.ServeHTTP,
	})
}

// answer is the server's answer to the pair, whatever the test made of its token.
func answer(w http.ResponseWriter, s *fakeaws.Server, p fakeaws.Pair) {
	again := httptest.NewRequest(http.MethodPost, "http://sts.example/", strings.NewReader(body))
	again.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	err := sigv4.Sign(again, validator.Signing{
		Body: body, With: map[string]string{"service": "sts", "region": region}, Now: time.Now(),
		Part: func(name string) string {
			return map[string]string{"access_key": p.AccessKey, "secret_key": p.SecretKey, "session_token": p.SessionToken}[name]
		},
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.ServeHTTP(w, again)
}

const body = "Action=GetCallerIdentity&Version=2011-06-15"

func TestAPairIsProvedByItsSignature(t *testing.T) {
	s := fakeaws.New(region)
	url, stop, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	good := s.NewUser("app")
	second := s.NewKeys(good)
	gone, over := s.NewUser("gone"), s.NewSession("over")
	s.Deactivate(gone)
	s.Expire(over)
	session := s.NewSession("app")
	bare := session
	bare.SessionToken = ""
	for _, test := range []struct {
		rule string
		pair fakeaws.Pair
		want string
		says string
	}{
		{"a pair that belongs together", good, "live/valid", ""},
		{"the other pair of the user", second, "live/valid", ""},
		{"a temporary pair with its token", session, "live/valid", ""},
		{"a temporary pair without its token is not sent", bare, "unknown/misconfigured", "session_token"},
		{"an old id with a new secret", fakeaws.Pair{AccessKey: good.AccessKey, SecretKey: second.SecretKey}, "dead/invalid", "secret key is not the one"},
		{"a new id with an old secret", fakeaws.Pair{AccessKey: second.AccessKey, SecretKey: good.SecretKey}, "dead/invalid", "secret key is not the one"},
		{"a secret cut off by one", fakeaws.Pair{AccessKey: good.AccessKey, SecretKey: good.SecretKey[:39]}, "dead/invalid", ""},
		{"an inactive pair", gone, "dead/invalid", "does not know this access key id"},
		{"an expired pair", over, "dead/expired", ""},
		{"a pair without a secret", fakeaws.Pair{AccessKey: good.AccessKey}, "unknown/misconfigured", "empty"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			before := s.Calls("sts:GetCallerIdentity")
			v := newChecker(t, url).Check(t.Context(), material(test.pair))
			if got := v.Outcome.String() + "/" + string(v.Reason); got != test.want || !strings.Contains(v.Detail, test.says) {
				t.Errorf("got %s, want %s and %q: %s", got, test.want, test.says, v.Detail)
			}
			told := fmt.Sprintf("%+v", v)
			for _, value := range []string{test.pair.AccessKey, test.pair.SecretKey, test.pair.SessionToken} {
				if value != "" && strings.Contains(told, value) {
					t.Error("the verdict has a part of the pair inside")
				}
			}
			if v.Reason == key.Misconfigured && s.Calls("sts:GetCallerIdentity") != before {
				t.Error("it was sent")
			}
			if v.Outcome == key.Live && (v.Identity["account"] != fakeaws.Account || v.Identity["arn"] != "arn:aws:iam::123456789012:user/app" || v.Identity["user_id"] == "") {
				t.Errorf("identity %v", v.Identity)
			}
		})
	}
	if p, ok := newChecker(t, url).(validator.Pinner); !ok || strings.Join(p.Pins(), " ") != "account" {
		t.Error("the account is not what tells one owner from another")
	}
}

func TestAClockThatIsWrongKillsNoKey(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		s := fakeaws.New(region)
		url, stop, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		p := s.NewUser("app")
		s.Skew(ahead)
		v := newChecker(t, url).Check(t.Context(), material(p))
		stop()
		if v.Outcome != key.Unknown || v.Reason != key.Misconfigured || !strings.Contains(v.Detail, "timedatectl") || !strings.Contains(v.Detail, "is 1h0m0s ") {
			t.Errorf("got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
		}
	}
}

// Everything of a secret counts: characters that a form or a header would change, too.
func TestTheSecretSignsByteForByte(t *testing.T) {
	sign := func(secretKey string) string {
		r := httptest.NewRequest(http.MethodPost, "https://sts.us-east-1.amazonaws.com/", http.NoBody)
		err := sigv4.Sign(r, validator.Signing{
			With: map[string]string{"service": "sts", "region": region}, Now: time.Unix(0, 0),
			Part: func(name string) string {
				return map[string]string{"access_key": "AKIA", "secret_key": secretKey}[name]
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		if strings.Contains(fmt.Sprint(r.Header), secretKey) {
			t.Error("the secret is in the request")
		}
		return signature
	}
	seen := map[string]string{}
	for _, secretKey := range []string{"abcdefgh/+=", "abcdefgh/+= ", "abcdefgh/ =", "abcdefgh/%2B=", "abcdefgh/+=\n"} {
		if other, twice := seen[sign(secretKey)]; twice {
			t.Errorf("%q signs as %q does", secretKey, other)
		}
		seen[sign(secretKey)] = secretKey
	}
}

func TestAFileThatSaysTooLittle(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "https://sts.us-east-1.amazonaws.com/", http.NoBody)
	err := sigv4.Sign(r, validator.Signing{With: map[string]string{"service": "sts"}, Part: func(string) string { return "x" }})
	if err == nil || !strings.Contains(err.Error(), "no region") {
		t.Errorf("err = %v", err)
	}
}
