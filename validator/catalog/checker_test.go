package catalog_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

// record answers with one body and keeps the last request.
func record(t *testing.T, status int, body string) (url string, last func() *http.Request) {
	t.Helper()
	var got atomic.Pointer[http.Request]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got.Load
}

func TestEachClassIsAskedInItsOwnWay(t *testing.T) {
	for name, c := range map[string]struct {
		provider, value string
		with            map[string]string
		line            string
		headers         map[string]string // "" : must not be there
	}{
		"anthropic API key": {
			"anthropic", "sk-ant-api03-x", nil, "GET /v1/models?limit=1",
			map[string]string{"X-Api-Key": "sk-ant-api03-x", "Anthropic-Version": "2023-06-01", "Authorization": "", "Anthropic-Workspace-Id": "", "Anthropic-Beta": "", "Origin": ""},
		},
		"anthropic API key in a workspace": {
			"anthropic", "sk-ant-api03-x",
			map[string]string{"workspace": "wrkspc_1"},
			"GET /v1/models?limit=1",
			map[string]string{"Anthropic-Workspace-Id": "wrkspc_1"},
		},
		"anthropic admin key": {
			"anthropic", "sk-ant-admin01-x", nil, "GET /v1/organizations/me",
			map[string]string{"X-Api-Key": "sk-ant-admin01-x", "Authorization": ""},
		},
		"anthropic OAuth token": {
			"anthropic", "sk-ant-oat01-x", nil, "GET /v1/models?limit=1",
			map[string]string{"Authorization": "Bearer sk-ant-oat01-x", "Anthropic-Beta": "oauth-2025-04-20", "X-Api-Key": ""},
		},
		"a token of a gateway before anthropic": {
			"anthropic", "team-7-token", nil, "GET /v1/models?limit=1",
			map[string]string{"X-Api-Key": "team-7-token"},
		},
		"openai key": {
			"openai", "sk-proj-x", nil, "GET /v1/models",
			map[string]string{"Authorization": "Bearer sk-proj-x", "Openai-Organization": "", "Openai-Project": ""},
		},
		"openai key with organization and project": {
			"openai", "sk-x",
			map[string]string{"organization": "org-1", "project": "proj_1"},
			"GET /v1/models",
			map[string]string{"Openai-Organization": "org-1", "Openai-Project": "proj_1"},
		},
		"openai admin key": {
			"openai", "sk-admin-x",
			map[string]string{"organization": "org-1"},
			"GET /v1/organization/admin_api_keys?limit=1",
			map[string]string{"Authorization": "Bearer sk-admin-x", "Openai-Organization": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, last := record(t, 500, "")
			newChecker(t, c.provider, catalog.Settings{BaseURL: url, With: c.with}).Check(t.Context(), checkertest.Material(c.value))
			r := last()
			if r == nil {
				t.Fatal("nothing was asked")
			}
			if line := r.Method + " " + r.URL.RequestURI(); line != c.line {
				t.Errorf("asked %s, want %s", line, c.line)
			}
			for name, want := range c.headers {
				if got := r.Header.Values(name); want == "" && len(got) > 0 || want != "" && !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestARefreshTokenIsNeverSent(t *testing.T) {
	url, last := record(t, 200, "{}")
	c := newChecker(t, "anthropic", catalog.Settings{BaseURL: url})
	v := c.Check(t.Context(), checkertest.Material("sk-ant-ort01-"+strings.Repeat("x", 60)))
	if v.Outcome != key.Unknown || v.Reason != key.Unsupported || !strings.Contains(v.Detail, "never sent") {
		t.Errorf("got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
	}
	if last() != nil {
		t.Error("it was sent")
	}
}

func TestFakeIssuerStates(t *testing.T) {
	type want struct{ anthropic, openai string }
	for state, w := range map[fakeissuer.State]want{
		fakeissuer.Live:           {"live/valid", "live/valid"},
		fakeissuer.Revoked:        {"dead/invalid", "dead/invalid"},
		fakeissuer.Expired:        {"dead/invalid", "dead/invalid"},
		fakeissuer.RateLimited:    {"live/rate_limited", "live/rate_limited"},
		fakeissuer.NoCredit:       {"live/blocked no_credit", "live/blocked no_credit"},
		fakeissuer.SpendCap:       {"live/blocked spend_cap", "live/blocked spend_cap"},
		fakeissuer.OrgDisabled:    {"live/blocked org_disabled", "live/blocked org_disabled"},
		fakeissuer.NeedsWorkspace: {"live/blocked needs_workspace", "live/blocked org_disabled"},
		fakeissuer.LimitedScope:   {"live/limited_scope", "live/limited_scope"},
		fakeissuer.BillingProblem: {"live/blocked no_credit", "live/blocked no_credit"},
	} {
		i := fakeissuer.New()
		url, stop, err := i.Start()
		if err != nil {
			t.Fatal(err)
		}
		account := fakeissuer.Account{Organization: "org-1", State: state, RetryAfter: 3 * time.Second}
		for provider, c := range map[string]struct{ value, want string }{
			"anthropic": {fakeissuer.NewAnthropicKey(), w.anthropic},
			"openai":    {fakeissuer.NewOpenAIKey(), w.openai},
		} {
			i.Add(c.value, account)
			base := url
			if provider == "openai" {
				base += "/v1"
			}
			v := newChecker(t, provider, catalog.Settings{BaseURL: base}).Check(t.Context(), checkertest.Material(c.value))
			got := v.Outcome.String() + "/" + string(v.Reason)
			if v.Which != "" {
				got += " " + v.Which
			}
			if got != c.want {
				t.Errorf("%s, state %d: got %s, want %s", provider, state, got, c.want)
			}
			if v.Outcome == key.Live && v.Identity["organization"] != "org-1" {
				t.Errorf("%s, state %d: identity %v", provider, state, v.Identity)
			}
			if limited := v.Reason == key.RateLimited; limited != (v.RetryAfter == 3*time.Second) {
				t.Errorf("%s, state %d: again in %s", provider, state, v.RetryAfter)
			}
			if v.RequestID == "" {
				t.Errorf("%s, state %d: no request id", provider, state)
			}
		}
		stop()
	}
}

func TestIdentityOfAnthropicKeys(t *testing.T) {
	i := fakeissuer.New()
	url, stop, err := i.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := newChecker(t, "anthropic", catalog.Settings{BaseURL: url})
	for value, want := range map[string]key.Identity{
		fakeissuer.NewAnthropicKey():      {"organization": "org-1", "workspace": "wrkspc_1"},
		fakeissuer.NewAnthropicToken():    {"organization": "org-1", "workspace": "wrkspc_1"},
		fakeissuer.NewAnthropicAdminKey(): {"organization": "org-1", "organization_name": "Example"},
	} {
		i.Add(value, fakeissuer.Account{Organization: "org-1", Workspace: "wrkspc_1"})
		v := c.Check(t.Context(), checkertest.Material(value))
		if v.Outcome != key.Live || !maps.Equal(v.Identity, want) {
			t.Errorf("got %s %v, want %v", v.Outcome, v.Identity, want)
		}
	}
	if pins := c.(validator.Pinner).Pins(); !slices.Equal(pins, []string{"organization", "workspace"}) {
		t.Errorf("pins %q", pins)
	}
	if pins := newChecker(t, "openai", catalog.Settings{}).(validator.Pinner).Pins(); len(pins) != 0 {
		t.Errorf("openai pins %q, which no source confirmed", pins)
	}
}

func TestBaseURL(t *testing.T) {
	client := newClient(t)
	for name, c := range map[string]struct{ provider, base, host, fault string }{
		"the provider's own":             {"anthropic", "", "https://api.anthropic.com", ""},
		"another":                        {"anthropic", "https://Gateway.Corp:8443/anthropic/", "https://gateway.corp:8443", ""},
		"loopback unencrypted":           {"anthropic", "http://127.0.0.1:8080", "http://127.0.0.1:8080", ""},
		"loopback v6 unencrypted":        {"openai", "http://[::1]:8080/v1", "http://[::1]:8080", ""},
		"another's host as a subdomain":  {"anthropic", "https://api.anthropic.com.evil.io", "https://api.anthropic.com.evil.io", ""},
		"unencrypted":                    {"anthropic", "http://gateway.corp", "", "not this machine"},
		"unencrypted, looks like a loop": {"anthropic", "http://127.0.0.1.evil.io", "", "not this machine"},
		"a user inside":                  {"anthropic", "https://me:pw@gateway.corp", "", "user or password"},
		"a query":                        {"anthropic", "https://gateway.corp?x=1", "", "with a query"},
		"a fragment":                     {"anthropic", "https://gateway.corp#x", "", "with a fragment"},
		"a host that is not ASCII":       {"anthropic", "https://аpi.anthropic.com", "", "plain ASCII host"},
		"a dot at the end":               {"anthropic", "https://gateway.corp.", "", "plain ASCII host"},
		"another scheme":                 {"anthropic", "ftp://gateway.corp", "", "not https"},
		"no scheme":                      {"anthropic", "gateway.corp", "", "plain ASCII host"},
		"a port that is none":            {"anthropic", "https://gateway.corp:0", "", "port"},
		"a metadata address":             {"anthropic", "https://169.254.169.254", "", "link-local"},
		"nothing one can read":           {"anthropic", "https://%zz", "", "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := catalog.Builtin().Lookup(c.provider)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Checker(catalog.Settings{BaseURL: c.base, Client: client})
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("got %v, want %q", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if hosts := got.(validator.Hoster).Hosts(); !slices.Equal(hosts, []string{c.host}) {
				t.Errorf("hosts %q, want %s", hosts, c.host)
			}
		})
	}
}

func TestBaseURLWithoutAPathGetsTheIssuers(t *testing.T) {
	for base, want := range map[string]string{"": "/v1/models", "/": "/v1/models", "/v1": "/v1/models", "/proxy/openai": "/proxy/openai/models"} {
		url, last := record(t, 500, "")
		newChecker(t, "openai", catalog.Settings{BaseURL: url + base}).Check(t.Context(), checkertest.Material("sk-x"))
		if got := last().URL.Path; got != want {
			t.Errorf("base_url %q: asked %s, want %s", base, got, want)
		}
	}
}

func TestIDTellsWhatIsAskedApart(t *testing.T) {
	id := func(provider string, s catalog.Settings) string {
		return newChecker(t, provider, s).(validator.Identifier).ID()
	}
	ids := []string{
		id("anthropic", catalog.Settings{}),
		id("anthropic", catalog.Settings{BaseURL: "https://gateway.corp"}),
		id("anthropic", catalog.Settings{With: map[string]string{"workspace": "wrkspc_1"}}),
		id("openai", catalog.Settings{}),
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 4 {
		t.Errorf("four questions have the IDs %q", ids)
	}
	if id("openrouter", catalog.Settings{}) != id("openrouter", catalog.Settings{BaseURL: "https://openrouter.ai/"}) {
		t.Error("one question has two IDs")
	}
}

func TestParametersAreChecked(t *testing.T) {
	p := gateway(t)
	client := newClient(t)
	for name, c := range map[string]struct {
		with  map[string]string
		fault string
	}{
		"complete":                        {map[string]string{"team": "a"}, ""},
		"another region":                  {map[string]string{"team": "a", "region": "us-east-1"}, ""},
		"one missing":                     {nil, "with.team: provider gateway needs it"},
		"one unknown":                     {map[string]string{"team": "a", "reigon": "x"}, "with.reigon: provider gateway has no such parameter"},
		"a line break":                    {map[string]string{"team": "a\r\nX: 1"}, "with.team: has a line break"},
		"a region that is another domain": {map[string]string{"team": "a", "region": "evil.io/"}, "with.region: must be one DNS label"},
		"a region of two labels":          {map[string]string{"team": "a", "region": "a.b"}, "with.region: must be one DNS label"},
		"a region with a user":            {map[string]string{"team": "a", "region": "x@evil"}, "with.region: must be one DNS label"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Checker(catalog.Settings{With: c.with, Client: client})
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
		})
	}
	if _, err := p.Checker(catalog.Settings{With: map[string]string{"team": "a"}}); err == nil {
		t.Error("without a client")
	}
}

func gateway(t *testing.T) *catalog.Provider {
	t.Helper()
	text, err := os.ReadFile("testdata/gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := catalog.Builtin()
	if err := c.Add("gateway", "testdata/gateway.yaml", text); err != nil {
		t.Fatal(err)
	}
	p, err := c.Lookup("gateway")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheUsersOwnProvider(t *testing.T) {
	value := "gw-live-" + strings.Repeat("0", 32)
	m := checkertest.Material(value)
	var revoked atomic.Bool
	var asked atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.RequestURI())
		if revoked.Load() || r.Header.Get("Authorization") != "Token "+value {
			w.WriteHeader(http.StatusUnauthorized) // and nothing that would tell who says so
			return
		}
		_, _ = w.Write([]byte(`{"token":{"active":true,"team":"blue","number":7,"expires":1790000000}}`))
	}))
	defer srv.Close()
	c, err := gateway(t).Checker(catalog.Settings{BaseURL: srv.URL, With: map[string]string{"team": "a/b?c"}, Client: newClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	v := c.Check(t.Context(), m)
	if v.Outcome != key.Live || v.Identity["team"] != "blue" || v.Identity["number"] != "7" || v.ExpiresAt.Unix() != 1790000000 {
		t.Errorf("got %+v", v)
	}
	if got, want := asked.Load(), "/api/teams/a%2Fb%3Fc/token?verbose=a%2Fb%3Fc"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	revoked.Store(true)
	if v := c.Check(t.Context(), m); v.Reason != key.Unauthenticated {
		t.Errorf("an empty 401 alone: %s/%s", v.Outcome, v.Reason)
	}
	if v := c.(validator.Controller).Control(t.Context()); v.Outcome != key.Unknown {
		t.Errorf("an empty 401 as control, alone: %s/%s", v.Outcome, v.Reason)
	}

	// Beside a live answer, a made-up credential shows what refusals look like here.
	p := validator.NewProber()
	r := validator.Request{Key: "TEAM_KEY", Provider: "gateway", Checker: c, Material: m}
	revoked.Store(false)
	if v := p.Probe(t.Context(), r); v.Outcome != key.Live {
		t.Fatalf("got %s/%s", v.Outcome, v.Reason)
	}
	p.Wait()
	revoked.Store(true)
	if v := p.Probe(t.Context(), r); !v.Rejected() || v.Control != key.ControlGood {
		t.Errorf("an empty 401 of a known shape: %s/%s control %q: %s", v.Outcome, v.Reason, v.Control, v.Detail)
	}
}

func TestARefusedValueOfAnotherShapeIsSaidToBeOne(t *testing.T) {
	i := fakeissuer.New()
	url, stop, err := i.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := newChecker(t, "anthropic", catalog.Settings{BaseURL: url})
	whole := fakeissuer.NewAnthropicKey()
	if v := c.Check(t.Context(), checkertest.Material(whole)); strings.Contains(v.Detail, "shape") {
		t.Errorf("a whole key: %s", v.Detail)
	}
	if v := c.Check(t.Context(), checkertest.Material(whole[:60])); !strings.Contains(v.Detail, "shape") {
		t.Errorf("half a key: %s", v.Detail)
	}
}

func TestAKeyWithoutItsPartIsMisconfigured(t *testing.T) {
	url, last := record(t, 200, "{}")
	h := secret.NewHasher(secret.New([]byte("salt")))
	m := proof.New(h, "KEY", "1", map[key.Part]secret.Value{"access_key": secret.New([]byte("x"))})
	v := newChecker(t, "openai", catalog.Settings{BaseURL: url}).Check(t.Context(), m)
	if v.Reason != key.Misconfigured || last() != nil {
		t.Errorf("got %s/%s", v.Outcome, v.Reason)
	}
}

func TestRevokedKeysShareOneControl(t *testing.T) {
	i := fakeissuer.New()
	url, stop, err := i.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	p := validator.NewProber()
	c := newChecker(t, "anthropic", catalog.Settings{BaseURL: url})
	values := []string{fakeissuer.NewAnthropicKey(), fakeissuer.NewAnthropicAdminKey(), fakeissuer.NewAnthropicToken()}
	for n, value := range values {
		v := p.Probe(t.Context(), validator.Request{Key: "KEY", Provider: "anthropic", Checker: c, Material: checkertest.Material(value)})
		if !v.Rejected() || v.Control != key.ControlGood {
			t.Errorf("got %s/%s control %q: %s", v.Outcome, v.Reason, v.Control, v.Detail)
		}
		if want := n + 2; i.Total() != want {
			t.Errorf("%d calls after %d rejections, want %d", i.Total(), n+1, want)
		}
	}
}

// A portal that comes up between a rejection and its control does not make a key dead.
func TestAControlThatMeetsAPortal(t *testing.T) {
	i := fakeissuer.New()
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 2 {
			i.Mode(fakeissuer.Portal)
		}
		i.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := newChecker(t, "anthropic", catalog.Settings{BaseURL: srv.URL})
	v := validator.NewProber().Probe(t.Context(), validator.Request{
		Key: "KEY", Provider: "anthropic", Checker: c, Material: checkertest.Material(fakeissuer.NewAnthropicKey()),
	})
	if v.Outcome != key.Unknown || v.Reason != key.Intercepted || calls.Load() != 2 {
		t.Errorf("got %s/%s after %d calls: %s", v.Outcome, v.Reason, calls.Load(), v.Detail)
	}
}

// An issuer, or who answers for it, may hand back what it was sent.
func TestNoPieceOfTheKeyIsKept(t *testing.T) {
	const value = "sk-ant-api03-Qm7vTz1xKd9LrPw2"
	for rule, c := range map[string]struct{ said, want string }{
		"an id of the issuer's own is kept":    {"req_011CSHoEeqs5C35K2UUqR7Fy", "req_011CSHoEeqs5C35K2UUqR7Fy"},
		"the public prefix alone is kept":      {"asked by sk-ant-api03-…", "asked by sk-ant-api03-…"},
		"seven bytes tell nobody much":         {"…xKd9LrP…", "…xKd9LrP…"},
		"the whole key is dropped":             {value, ""},
		"its end is dropped":                   {"key …9LrPw2-x: Kd9LrPw2", ""},
		"its beginning is dropped":             {"sk-ant-api03-Qm7vTz1x...", ""},
		"eight bytes from the middle of it go": {"vTz1xKd9", ""},
	} {
		t.Run(rule, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Request-Id", c.said)
				w.Header().Set("Anthropic-Organization-Id", c.said)
				_, _ = w.Write([]byte(`{"data": [{"type": "model"}]}`))
			}))
			defer srv.Close()
			v := newChecker(t, "anthropic", catalog.Settings{BaseURL: srv.URL}).Check(t.Context(), checkertest.Material(value))
			if v.RequestID != c.want {
				t.Errorf("request id %q, want %q", v.RequestID, c.want)
			}
			for name, got := range v.Identity {
				if got != c.want {
					t.Errorf("%s %q, want %q", name, got, c.want)
				}
			}
			if kept := len(v.Identity) > 0; kept != (c.want != "") {
				t.Errorf("identity is %v", v.Identity)
			}
		})
	}
}
