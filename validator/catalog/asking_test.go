package catalog

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator/checkertest"
)

// shop is an issuer with keys of two parts, one of which names the host.
const shop = `
id: shop
name: Shop
parts: [value, app]
public: [app]
recognize:
  variables: [SHOP_KEY, SHOP_APP]
  parts: {SHOP_KEY: value, SHOP_APP: app}
  base_url: [SHOP_URL]
base_url: https://{{app}}-dsn.shop.example.com
params: {zone: {default: a, variables: [SHOP_ZONE], elsewhere: "zone b has keys of its own; say with: {zone: …}"}}
derived: {dc: {part: value, match: '-([a-z]+[0-9]+)$'}}
request:
  method: POST
  url: '{{base_url}}/v1/{{dc}}/{{app}}'
  value_in_url: the place of a key is its ending
  headers: {Content-Type: application/json, Authorization: "Basic {{basic 'api':value}}", X-Zone: '{{zone}}'}
  body: '{"key":"{{value}}","app":"{{app}}"}'
control: '{{random 20}}-us1'
variants: [{name: key of zone a, prefix: za-, here: true}]
rules:
  - {status: [200], path: /shop, exists: true, outcome: live, reason: valid}
  - {status: [401], path: /error, equals: no such key, outcome: dead, reason: invalid}
  - {status: [401], path: /error, equals: too old, outcome: dead, reason: expired}
scopes: {path: /can}
limits: {limit: {header: X-Limit}, remaining: {header: X-Left}, reset: {header: X-Reset, as: unix}}
confidence: high
evidence: [e]
`

func parsed(t *testing.T, text string, pairs ...string) *Provider {
	t.Helper()
	p, err := parse("test.yaml", strings.NewReplacer(pairs...).Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asks is what a checker of p says of m where the issuer answers so, and its request.
func asks(t *testing.T, p *Provider, s Settings, m proof.Material, answer *said) (key.Verdict, *http.Request) {
	t.Helper()
	r := &road{said: answer}
	s.Client = &http.Client{Transport: r}
	c, err := p.Checker(s)
	if err != nil {
		t.Fatal(err)
	}
	v := c.Check(t.Context(), m)
	if len(r.asked) == 0 {
		return v, nil
	}
	r.asked[0].Body = io.NopCloser(bytes.NewReader(r.sent[0]))
	return v, r.asked[0]
}

func shopKey(value, app string) proof.Material {
	return checkertest.MaterialOf(map[key.Part]string{"value": value, "app": app})
}

func TestAKeySaysWhereItIsAskedAboutBelowAFixedHost(t *testing.T) {
	good := &said{Status: 200, Body: `{"shop":1,"can":["read","write"]}`, Headers: map[string]string{"X-Limit": "60", "X-Left": "59", "X-Reset": "1800000000"}}
	v, req := asks(t, parsed(t, shop), Settings{}, shopKey(`k"1-us12`, "APP7"), good)
	if v.Outcome != key.Live {
		t.Fatal(v.Detail)
	}
	if got := req.URL.String(); got != "https://app7-dsn.shop.example.com/v1/us12/APP7" {
		t.Errorf("asked %s", got)
	}
	if user, password, _ := req.BasicAuth(); user != "api" || password != `k"1-us12` {
		t.Errorf("as %q with %q", user, password)
	}
	body, _ := io.ReadAll(req.Body)
	if string(body) != `{"key":"k\"1-us12","app":"APP7"}` {
		t.Errorf("with %s", body)
	}
	if v.Identity["scopes"] != "read, write" {
		t.Errorf("scopes %q", v.Identity["scopes"])
	}
	if l := v.Limits; l == nil || l.Limit != 60 || l.Remaining != 59 || !l.ResetAt.Equal(time.Unix(1800000000, 0)) {
		t.Errorf("limits %+v", l)
	}
}

// Nobody is asked where a part would name another host than the file's.
func TestNoPartLeadsToAnotherHost(t *testing.T) {
	for _, app := range []string{"evil.example/", "a.b", "a@evil", "", "a:1", "-", "a#"} {
		v, req := asks(t, parsed(t, shop), Settings{}, shopKey("k-us1", app), &said{Status: 200, Body: `{"shop":1}`})
		if req != nil || v.Reason != key.Misconfigured {
			t.Errorf("%q: %s %v", app, told(v), req)
		}
	}
	if v, req := asks(t, parsed(t, shop), Settings{}, shopKey("k", "app"), &said{Status: 200, Body: `{"shop":1}`}); req != nil || v.Reason != key.Misconfigured {
		t.Errorf("a key without what is derived from it: %s", told(v))
	}
	c, err := parsed(t, shop).Checker(Settings{Client: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.(*checker).Hosts(); len(got) != 1 || got[0] != "https://*-dsn.shop.example.com" {
		t.Errorf("hosts %q", got)
	}
}

// A refusal where the key may live elsewhere is none, until the config says where.
func TestARefusalCountsWhereTheConfigSaysThePlace(t *testing.T) {
	refused := &said{Status: 401, Body: `{"error":"no such key"}`}
	for name, c := range map[string]struct {
		settings Settings
		value    string
		answer   *said
		want     string
	}{
		"nobody says the zone":  {Settings{}, "k-us1", refused, "unknown/misconfigured"},
		"the config says it":    {Settings{With: map[string]string{"zone": "a"}}, "k-us1", refused, "dead/invalid"},
		"the config says where": {Settings{BaseURL: "https://shop.internal"}, "k-us1", refused, "dead/invalid"},
		"the issuer knows it":   {Settings{}, "k-us1", &said{Status: 401, Body: `{"error":"too old"}`}, "dead/expired"},
		"the key says it":       {Settings{}, "za-k-us1", refused, "dead/invalid"},
	} {
		v, _ := asks(t, parsed(t, shop), c.settings, shopKey(c.value, "app"), c.answer)
		if told(v) != c.want {
			t.Errorf("%s: %s, want %s", name, told(v), c.want)
		}
		if c.want == "unknown/misconfigured" && !strings.Contains(v.Detail, "zone b") {
			t.Errorf("%s: %q does not say where else", name, v.Detail)
		}
	}
}

// A value that has not the look of an issuer's keys may be a gateway's token: the issuer's
// refusal of it says nothing, until the config says that the issuer is meant.
func TestAGatewaysTokenIsNoDeadKey(t *testing.T) {
	for id, c := range map[string]struct{ own, body string }{
		"anthropic": {"sk-ant-api03-x", `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`},
		"openai":    {"sk-x", `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}`},
	} {
		p, refused := lookedUp(t, id), &said{Status: 401, Body: c.body}
		if v, _ := asks(t, p, Settings{}, checkertest.Material("team-7-token"), refused); told(v) != "unknown/misconfigured" {
			t.Errorf("%s, a gateway's token: %s", id, told(v))
		}
		if v, _ := asks(t, p, Settings{BaseURL: p.Info().BaseURL}, checkertest.Material("team-7-token"), refused); told(v) != "dead/invalid" {
			t.Errorf("%s, whose address the config says: %s", id, told(v))
		}
		if v, _ := asks(t, p, Settings{}, checkertest.Material(c.own), refused); told(v) != "dead/invalid" {
			t.Errorf("%s, a key of its own: %s", id, told(v))
		}
	}
}

// A host that nobody ever had is a fault of the config; that the issuer's own name is not
// found is a fault of the network.
func TestAHostThatDoesNotExist(t *testing.T) {
	gone := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
	})}
	for name, c := range map[string]struct {
		id, want string
		settings Settings
	}{
		"of the issuer":            {"mistral", "unknown/transient", Settings{}},
		"of a parameter":           {"anthropic-foundry", "unknown/misconfigured", Settings{With: map[string]string{"resource": "acme"}}},
		"of the config":            {"azure-openai", "unknown/misconfigured", Settings{BaseURL: "https://acme.openai.azure.com"}},
		"of a parameter's default": {"anthropic-aws", "unknown/transient", Settings{}},
	} {
		c.settings.Client = gone
		checker, err := lookedUp(t, c.id).Checker(c.settings)
		if err != nil {
			t.Fatal(err)
		}
		if v := checker.Check(t.Context(), checkertest.Material("x")); told(v) != c.want {
			t.Errorf("%s: %s: %s", name, told(v), v.Detail)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Issuers whose one free call is a list of models have long lists.
func TestALongListOfModelsIsRead(t *testing.T) {
	model := `{"id":"model-x","object":"model","type":"chat","description":"` + strings.Repeat("x", 700) + `"},`
	for models, want := range map[int]string{300: "live/valid", 3000: "unknown/intercepted"} {
		list := "[" + strings.TrimSuffix(strings.Repeat(model, models), ",") + "]"
		v, _ := asks(t, lookedUp(t, "together"), Settings{}, checkertest.Material("tgp_v1_x"), &said{Status: 200, Body: list})
		if told(v) != want {
			t.Errorf("%d models, %d bytes: %s, want %s", models, len(list), told(v), want)
		}
	}
}

func TestWhatCostsIsAskedOnlyByConsent(t *testing.T) {
	p := parsed(t, shop, "confidence: high", "probe_policy: opt-in\nopt_in: mints a token\nconfidence: high")
	good := &said{Status: 200, Body: `{"shop":1}`}
	v, req := asks(t, p, Settings{}, shopKey("k-us1", "app"), good)
	if req != nil || told(v) != "unknown/unsupported" || !strings.Contains(v.Detail, "mints a token") {
		t.Errorf("without: %s %q, asked %v", told(v), v.Detail, req != nil)
	}
	if v, _ := asks(t, p, Settings{OptIn: true}, shopKey("k-us1", "app"), good); v.Outcome != key.Live {
		t.Errorf("with: %s %q", told(v), v.Detail)
	}
	c, err := p.Checker(Settings{Client: http.DefaultClient})
	if err != nil || len(c.(*checker).Hosts()) != 0 {
		t.Errorf("%v; it names hosts that see nothing", err)
	}
}

func TestAnIssuerOfOnesOwnNeedsAnAddress(t *testing.T) {
	p := parsed(t, shop, "base_url: https://{{app}}-dsn.shop.example.com", "base_url: own")
	if _, err := p.Checker(Settings{Client: http.DefaultClient}); err == nil || !strings.HasPrefix(err.Error(), "base_url:") {
		t.Errorf("without one: %v", err)
	}
	_, req := asks(t, p, Settings{BaseURL: "https://shop.internal"}, shopKey("k-us1", "app"), &said{Status: 200, Body: "{}"})
	if got := req.URL.String(); got != "https://shop.internal/v1/us1/app" {
		t.Errorf("asked %s", got)
	}
}

func TestFormBodiesAreEscaped(t *testing.T) {
	p := parsed(t, shop, "application/json", "application/x-www-form-urlencoded", `'{"key":"{{value}}","app":"{{app}}"}'`, "'key={{value}}&app={{app}}'")
	_, req := asks(t, p, Settings{}, shopKey("a&b=c-us1", "app"), &said{Status: 200, Body: "{}"})
	if body, _ := io.ReadAll(req.Body); string(body) != "key=a%26b%3Dc-us1&app=app" {
		t.Errorf("sent %s", body)
	}
	_, req = asks(t, parsed(t, shop), Settings{}, shopKey("a\xff-us1", "app"), &said{Status: 200, Body: "{}"})
	if req != nil {
		t.Error("what JSON cannot carry byte for byte was sent")
	}
}

func TestAnEnvironmentSaysHowAnIssuerIsAsked(t *testing.T) {
	env := map[string]string{"SHOP_URL": "https://shop.internal", "SHOP_ZONE": "b"}
	base, with := parsed(t, shop).FromEnvironment(func(v string) string { return env[v] })
	if base != "https://shop.internal" || with["zone"] != "b" {
		t.Errorf("base %q, with %v", base, with)
	}
	if base, _ := parsed(t, shop).FromEnvironment(func(string) string { return "shop.internal" }); base != "https://shop.internal" {
		t.Errorf("a host alone is %q", base)
	}
	if base, with := parsed(t, shop).FromEnvironment(func(string) string { return "" }); base != "" || len(with) != 0 {
		t.Errorf("of nothing: base %q, with %v", base, with)
	}
}

// Where the file declares it, a status says live by itself.
func TestAStatusAloneIsBelievedWhereTheFileSaysWhy(t *testing.T) {
	p := parsed(t, shop, "{status: [200], path: /shop, exists: true, outcome", "{status: [204], alone: it has no body, outcome")
	if v, _ := asks(t, p, Settings{}, shopKey("k-us1", "app"), &said{Status: 204}); v.Outcome != key.Live {
		t.Errorf("%s %q", told(v), v.Detail)
	}
	if v, _ := asks(t, p, Settings{}, shopKey("k-us1", "app"), &said{Status: 200, Body: "{}"}); v.Outcome == key.Live {
		t.Error("another status is live as well")
	}
}
