package catalog

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// A case is one answer of an issuer and what it means.
type ruleCase struct {
	name   string
	value  string // begins as a credential of the class; "" for the first
	status int
	header string // "Name: value" lines
	body   string
	want   string // "live/valid", "live/blocked no_credit", …
}

func runRules(t *testing.T, id, usual string, cases []ruleCase) {
	t.Helper()
	p, err := Builtin().Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[*rule]bool{}
	for _, c := range cases {
		value := c.value
		if value == "" {
			value = usual
		}
		t.Run(c.name, func(t *testing.T) {
			class := p.class(secret.New([]byte(value)), nil)
			a := newAnswer(c.status, headers(c.header), []byte(c.body))
			got := class.judge(a, now).Settle()
			if told(got) != c.want {
				t.Errorf("got %s, want %s: %s", told(got), c.want, got.Detail)
			}
			if got.Detail == "" || got.HTTPStatus != c.status {
				t.Errorf("detail %q, status %d", got.Detail, got.HTTPStatus)
			}
			if r := class.match(a); r != nil {
				seen[r] = true
			}
		})
	}
	reportUntried(t, p, seen)
}

// reportUntried names the rules that no case matched. The same rule serves several
// classes: one case for one of them will do.
func reportUntried(t *testing.T, p *Provider, seen map[*rule]bool) {
	t.Helper()
	tried := map[string]bool{}
	for r := range seen {
		tried[r.about()] = true
	}
	for _, rule := range p.untried(tried) {
		t.Errorf("%s: no case tries a rule of %s", p.ID(), rule)
	}
}

func headers(lines string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Set(name, value)
		}
	}
	return h
}

// anthropicError is the envelope of the API.
func anthropicError(kind, message string) string {
	return `{"type":"error","error":{"type":"` + kind + `","message":"` + message + `"},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}`
}

func TestAnthropicAnswers(t *testing.T) {
	const (
		oat       = "sk-ant-oat01-x"
		admin     = "sk-ant-admin01-x"
		workspace = "anthropic-workspace-id: wrkspc_01"
		models    = `{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude"}],"first_id":"claude-sonnet-4-5","has_more":true}`
	)
	runRules(t, "anthropic", "sk-ant-api03-x", []ruleCase{
		{"a list of models is live", "", 200, "", models, "live/valid"},
		{"an empty list proves nothing", "", 200, "", `{"data":[],"first_id":null,"has_more":false}`, "unknown/intercepted"},
		{"an organization is no list of models", "", 200, "", `{"id":"org-1","type":"organization","name":"n"}`, "unknown/intercepted"},
		{"an admin key sees its organization", admin, 200, "", `{"id":"org-1","type":"organization","name":"n"}`, "live/valid"},
		{"a token lists models too", oat, 200, "", models, "live/valid"},
		{"several workspaces and none named", "", 400, "", anthropicError("invalid_request_error", "anthropic-workspace-id is required when authenticating with an identity-linked API key; set it"), "live/blocked needs_workspace"},
		{"a workspace that is none", "", 400, "", anthropicError("invalid_request_error", "anthropic-workspace-id header must be a valid workspace ID."), "live/blocked needs_workspace"},
		{"a workspace of others", "", 404, "", anthropicError("not_found_error", "Workspace `wrkspc_x` not found."), "live/blocked needs_workspace"},
		{"no credit", "", 400, "", anthropicError("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."), "live/blocked no_credit"},
		{"own spend limit", "", 400, "", anthropicError("invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-09-01 at 00:00 UTC."), "live/blocked spend_cap"},
		{"own spend limit of a workspace", "", 400, "", anthropicError("invalid_request_error", "You have reached your specified workspace API usage limits. You will regain access on 2026-09-01 at 00:00 UTC."), "live/blocked spend_cap"},
		{"a disabled organization", "", 400, "", anthropicError("invalid_request_error", "This organization has been disabled."), "live/blocked org_disabled"},
		{"a disabled organization, as 403", "", 403, "", anthropicError("permission_error", "This organization has been disabled."), "live/blocked org_disabled"},
		{"our own bad request", "", 400, "", anthropicError("invalid_request_error", "anthropic-version: header is required"), "unknown/intercepted"},
		{"our own bad request, with the issuer's id", "", 400, "request-id: req_1", anthropicError("invalid_request_error", "anthropic-version: header is required"), "unknown/unsupported"},
		{"invalid key", "", 401, "", anthropicError("authentication_error", "invalid x-api-key"), "dead/invalid"},
		{"invalid key, wording of 2023", "", 401, "", anthropicError("authentication_error", "Invalid API Key"), "dead/invalid"},
		{"invalid admin key", admin, 401, "", anthropicError("authentication_error", "invalid x-api-key"), "dead/invalid"},
		{"header lost", "", 401, "", anthropicError("authentication_error", "x-api-key header is required"), "unknown/wrong_auth_method"},
		{"invalid token", oat, 401, "", anthropicError("authentication_error", "Invalid bearer token"), "dead/invalid"},
		{"expired token", oat, 401, "", anthropicError("authentication_error", "OAuth token has expired. Please obtain a new token or refresh your existing token."), "dead/expired"},
		{"dead session", oat, 401, "", anthropicError("authentication_error", "Invalid authentication credentials"), "dead/invalid"},
		{"token sent the wrong way", oat, 401, "", anthropicError("authentication_error", "OAuth authentication is currently not supported."), "unknown/wrong_auth_method"},
		{"an Origin header on the way", "", 401, "", anthropicError("authentication_error", "CORS requests are not allowed for this Organization because of custom retention settings."), "unknown/misconfigured"},
		{"billing", "", 402, "", anthropicError("billing_error", "There is a problem with your billing."), "live/blocked no_credit"},
		{"billing, as 403", "", 403, "", anthropicError("billing_error", "There is a problem with your billing."), "live/blocked no_credit"},
		{"revoked token, as 403", oat, 403, "", anthropicError("permission_error", "OAuth token has been revoked. Please obtain a new token."), "dead/revoked"},
		{"scope missing", oat, 403, "", anthropicError("permission_error", "OAuth token does not meet scope requirement user:profile"), "live/limited_scope"},
		{"another permission", "", 403, "", anthropicError("permission_error", "Your API key does not have permission to use the specified resource."), "live/limited_scope"},
		{"refused at the edge", "", 403, "", `{"error":{"type":"forbidden","message":"Request not allowed"}}`, "unknown/unauthenticated"},
		{"not found", "", 404, "", anthropicError("not_found_error", "Not found"), "unknown/misconfigured"},
		{"not found at a gateway", "", 404, "", `{"detail":"Not Found"}`, "unknown/misconfigured"},
		{"rate limit", "", 429, "", anthropicError("rate_limit_error", "This request would exceed your account's rate limit."), "live/rate_limited"},
		{"spend cap of the tier", "", 429, "", `{"type":"error","error":{"type":"rate_limit_error","message":"You will regain access on 2026-09-01 at 00:00 UTC","details":{"error_code":"enforced_spend_limit_reached"}},"request_id":"req_1"}`, "live/blocked spend_cap"},
		{"authenticated, then something else", "", 413, workspace, anthropicError("request_too_large", "Request exceeds the maximum size"), "live/limited_scope"},
		{"authenticated, then too many", "", 429, workspace, anthropicError("other_error", "slow down"), "live/rate_limited"},
		{"the workspace header does not save a 401", "", 401, workspace, anthropicError("authentication_error", "invalid x-api-key"), "dead/invalid"},
		{"conflict", "", 409, "", anthropicError("conflict_error", "Conflict"), "unknown/intercepted"},
		{"overloaded", "", 529, "request-id: req_1", anthropicError("overloaded_error", "Overloaded"), "unknown/transient"},
		{"internal error", "", 500, "request-id: req_1", anthropicError("api_error", "Internal server error"), "unknown/transient"},
		{"timeout", "", 504, "", anthropicError("timeout_error", "Timed out"), "unknown/transient"},
	})
}

func TestOpenAIAnswers(t *testing.T) {
	fail := func(kind, code, message string) string {
		return `{"error":{"message":"` + message + `","type":"` + kind + `","param":null,"code":"` + code + `"}}`
	}
	runRules(t, "openai", "sk-proj-x", []ruleCase{
		{"a list is live", "", 200, "", `{"object":"list","data":[]}`, "live/valid"},
		{"an admin key's list is live", "sk-admin-x", 200, "", `{"object":"list","data":[]}`, "live/valid"},
		{"another 200 proves nothing", "", 200, "", `{"object":"page"}`, "unknown/intercepted"},
		{"scope missing, as 403", "", 403, "", fail("invalid_request_error", "missing_scope", "You have insufficient permissions for this operation. Missing scopes: api.model.read."), "live/limited_scope"},
		{"scope missing, as 401", "", 401, "", fail("invalid_request_error", "invalid_api_key", "You have insufficient permissions for this operation."), "live/limited_scope"},
		{"a gateway that forbids", "", 403, "", `{"message":"You have insufficient permissions to open this site"}`, "unknown/unauthenticated"},
		{"no organization", "", 401, "", fail("invalid_request_error", "no_organization", "You must be a member of an organization to use the API."), "live/blocked org_disabled"},
		{"organization of others", "", 401, "", fail("invalid_request_error", "mismatched_organization", "OpenAI-Organization header should match organization for API key"), "unknown/wrong_auth_method"},
		{"project of others", "", 401, "", fail("invalid_request_error", "mismatched_project", "OpenAI-Project header should match project for API key"), "unknown/wrong_auth_method"},
		{"address not allowed", "", 401, "", fail("invalid_request_error", "ip_not_authorized", "IP not authorized"), "live/limited_scope"},
		{"header lost", "", 401, "", `{"error":{"message":"You didn't provide an API key. You need to provide your API key in an Authorization header","type":"invalid_request_error","param":null,"code":null}}`, "unknown/wrong_auth_method"},
		{"invalid key", "", 401, "", fail("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-proj-****abcd."), "dead/invalid"},
		{"invalid admin key", "sk-admin-x", 401, "", fail("invalid_request_error", "invalid_api_key", "Incorrect API key provided."), "dead/invalid"},
		{"country refused", "", 403, "", fail("request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"), "unknown/unauthenticated"},
		{"no quota", "", 429, "", fail("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), "live/blocked no_credit"},
		{"no credit", "", 429, "", fail("insufficient_quota", "credit_balance_exhausted", "Credit balance exhausted"), "live/blocked no_credit"},
		{"hard limit", "", 429, "", fail("insufficient_quota", "billing_hard_limit_reached", "Billing hard limit has been reached"), "live/blocked spend_cap"},
		{"rate limit", "", 429, "", fail("requests", "rate_limit_exceeded", "Rate limit reached"), "live/rate_limited"},
		{"a 401 that no rule is about", "", 401, "", `{"error":{"message":"account deactivated","type":"invalid_request_error","param":null,"code":"account_deactivated"}}`, "unknown/unsupported"},
		{"an edge's rate limit", "", 429, "", `{"message":"slow down"}`, "unknown/transient"},
	})
}

func TestXMLIsReadAsTheJSONThatSaysTheSame(t *testing.T) {
	for text, want := range map[string]string{
		`<a>b</a>`:                              `{"a":"b"}`,
		`<?xml version="1.0"?><a x="1"> b </a>`: `{"a":"b"}`,
		`<a><b>1</b><c><d>2</d></c></a>`:        `{"a":{"b":"1","c":{"d":"2"}}}`,
		`<a><b>1</b><b>2</b><b>3</b></a>`:       `{"a":{"b":["1","2","3"]}}`,
		`<n:a xmlns:n="urn:x"><n:b/></n:a>`:     `{"a":{"b":""}}`,
		`<a>&lt;&amp;</a>`:                      `{"a":"\u003c\u0026"}`,
		`<a><b>1</b>`:                           `null`,
		`<a>&unknown;</a>`:                      `null`,
		`text`:                                  `null`,
		``:                                      `null`,
		strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17): `null`, // deeper than any issuer
	} {
		got, err := json.Marshal(parseXML([]byte(text)))
		if err != nil || string(got) != want {
			t.Errorf("%q reads as %s, want %s", text, got, want)
		}
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{"<a><b>1</b><b/></a>", `<ErrorResponse><Error><Code>x</Code><Message>y</Message></Error></ErrorResponse>`, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", strings.Repeat("<a>", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v := parseXML([]byte(text)); v != nil {
			if _, ok := v.(map[string]any); !ok {
				t.Fatalf("a document is %T", v)
			}
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestGatesComeBeforeRules(t *testing.T) {
	p, err := Builtin().Lookup("anthropic")
	if err != nil {
		t.Fatal(err)
	}
	class := p.class(secret.New([]byte("sk-ant-api03-x")), nil)
	refusal := anthropicError("authentication_error", "invalid x-api-key")
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		reason key.Reason
	}{
		"a proxy that asks for a login":            {401, "Proxy-Authenticate: Basic", refusal, key.Intercepted},
		"a proxy that says its name":               {401, "X-Squid-Error: ERR_ACCESS_DENIED 0", refusal, key.Intercepted},
		"a proxy's realm":                          {401, `WWW-Authenticate: Basic realm="Corporate Proxy"`, refusal, key.Intercepted},
		"a refusal said to be a web page":          {401, "Content-Type: text/html", refusal, key.Unauthenticated},
		"a live answer said to be a web page":      {200, "Content-Type: text/html", `{"data":[{"type":"model"}]}`, key.Intercepted},
		"a page that does not exist":               {404, "Content-Type: text/html", refusal, key.Intercepted},
		"a refusal under a redirect":               {302, "Location: /login", refusal, key.Intercepted},
		"a refusal under a status of the server's": {503, "", refusal, key.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			v := class.judge(newAnswer(c.status, headers(c.header), []byte(c.body)), now).Verdict
			if v.Outcome != key.Unknown || v.Reason != c.reason {
				t.Errorf("got %s/%s", v.Outcome, v.Reason)
			}
			if redirected := strings.Contains(v.Detail, "redirected"); redirected != (c.status == 302) {
				t.Errorf("told as: %s", v.Detail)
			}
		})
	}
}

func TestRetryAfterReachesTheVerdict(t *testing.T) {
	p, err := Builtin().Lookup("anthropic")
	if err != nil {
		t.Fatal(err)
	}
	class := p.class(secret.Value{}, nil)
	for name, c := range map[string]struct {
		status int
		body   string
		want   time.Duration
	}{
		"of a rate limit":               {429, anthropicError("rate_limit_error", "slow down"), 7 * time.Second},
		"of a rate limit at the edge":   {429, "error code: 1015", 7 * time.Second},
		"of an issuer that is down":     {503, "", 7 * time.Second},
		"of an overloaded one":          {529, "", 7 * time.Second},
		"not of a refusal":              {401, anthropicError("authentication_error", "invalid x-api-key"), 0},
		"not of a key that is accepted": {200, `{"data":[{"type":"model"}]}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := class.judge(newAnswer(c.status, headers("Retry-After: 7"), []byte(c.body)), now).Verdict
			if v.RetryAfter != c.want {
				t.Errorf("got %s, want %s", v.RetryAfter, c.want)
			}
		})
	}
}

func TestShapeIsWhatEqualAnswersShare(t *testing.T) {
	shape := func(status int, header, body string) string {
		return newAnswer(status, headers(header), []byte(body)).shape()
	}
	base := shape(401, "Date: now\nServer: a", `{"error":{"code":1},"at":"2026-08-01T12:00:00Z","message":"Unknown key sk-***ab12."}`)
	if got := shape(401, "Date: later\nServer: b\nContent-Length: 9", `{"message":"Unknown key sk-***zz99.","at":"2026-08-02T13:10:00Z","error":{"code":2}}`); got != base {
		t.Errorf("the same answer at another time: %q, not %q", got, base)
	}
	for name, other := range map[string]string{
		"status":  shape(403, "Server: a", `{"error":{"code":1},"at":"2026-08-01T12:00:00Z","message":"Unknown key sk-***ab12."}`),
		"keys":    shape(401, "Server: a", `{"error":{"reason":1},"at":"2026-08-01T12:00:00Z","message":"Unknown key sk-***ab12."}`),
		"headers": shape(401, "Server: a\nVia: b", `{"error":{"code":1},"at":"2026-08-01T12:00:00Z","message":"Unknown key sk-***ab12."}`),
		"words":   shape(401, "Server: a", `{"error":{"code":1},"at":"2026-08-01T12:00:00Z","message":"Unauthorized"}`),
		"no JSON": shape(401, "Server: a", `denied`),
	} {
		if other == base {
			t.Errorf("another %s makes no difference", name)
		}
	}
}

func TestControlAnswers(t *testing.T) {
	p, err := Builtin().Lookup("anthropic")
	if err != nil {
		t.Fatal(err)
	}
	class := p.class(secret.New([]byte("sk-ant-api03-x")), nil)
	for name, c := range map[string]struct {
		status int
		body   string
		good   bool
	}{
		"refused":             {401, anthropicError("authentication_error", "invalid x-api-key"), true},
		"limited":             {429, anthropicError("rate_limit_error", "slow down"), true},
		"refused at the edge": {403, `{"error":{"type":"forbidden","message":"Request not allowed"}}`, false},
		"refused by somebody": {401, `{"message":"no"}`, false},
		"limited by somebody": {429, "error code: 1015", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := class.judgeControl(newAnswer(c.status, headers(""), []byte(c.body)), now)
			if got := a.Verdict.Rejected() && a.Marked; got != c.good {
				t.Errorf("good is %t: %+v", got, a)
			}
		})
	}
}
