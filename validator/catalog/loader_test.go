package catalog

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

func gatewayFile(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryBuiltinFileIsComplete(t *testing.T) {
	c := Builtin()
	if len(c.IDs()) == 0 {
		t.Fatal("no providers")
	}
	for _, id := range c.IDs() {
		p, err := c.Lookup(id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		i := p.Info()
		if i.Name == "" || i.Cost == "" || i.Confidence == "" || len(i.Evidence) == 0 {
			t.Errorf("%s: name %q, cost %q, confidence %q, %d sources: each is needed", id, i.Name, i.Cost, i.Confidence, len(i.Evidence))
		}
		if policy := p.file.ProbePolicy; policy == never || policy == offline {
			continue
		}
		live := false
		for _, class := range p.classes {
			for _, r := range class.rules {
				live = live || r.Outcome == key.Live
				if r.Outcome == key.Dead && !r.namesBody() && len(p.authenticIf) == 0 && class.control == nil {
					t.Errorf("%s, %s: a rejection that nothing could ever vouch for", id, class.name)
				}
			}
		}
		if !live {
			t.Errorf("%s: no rule calls a key live", id)
		}
	}
}

// Each fault is one edit of a file that loads, and is told in its place.
func TestLoaderRefuses(t *testing.T) {
	good := string(gatewayFile(t))
	if _, err := parse("gateway.yaml", good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown field":                       {"cost: free", "costs: free", "costs"},
		"an id that is no name":                  {"id: gateway", "id: Gate Way", "id: must be lower-case"},
		"no evidence":                            {"evidence: [the gateway's own manual]", "", "evidence: is missing"},
		"a request without a URL":                {"  url: '{{base_url}}/teams/{{team}}/token?verbose={{team}}'\n", "", "must begin with {{base_url}}/"},
		"a secret in the URL":                    {"/token?verbose={{team}}'", "/token/{{value}}'", "use a header"},
		"a secret in the host":                   {"https://{{region}}.gateway", "https://{{value}}.gateway", "a secret never names a host"},
		"a parameter as a whole domain":          {"https://{{region}}.gateway.example.com/api", "https://gw.{{region}}.com", "fills one DNS label, whole or before a dash"},
		"a parameter inside a label":             {"https://{{region}}.gateway", "https://gw-{{region}}.gateway", "fills one DNS label, whole or before a dash"},
		"a parameter in the path of the address": {"example.com/api", "example.com/{{team}}", "fills a DNS label only"},
		"plain http":                             {"https://{{region}}", "http://{{region}}", "must be https"},
		"a user in the address":                  {"https://{{region}}", "https://me@{{region}}", "must be https://host"},
		"a call to another host":                 {"'{{base_url}}/teams", "'https://evil.example/teams", "must begin with {{base_url}}/"},
		"a host that goes on after base_url":     {"'{{base_url}}/teams", "'{{base_url}}.evil.example/teams", "must begin with {{base_url}}/"},
		"a placeholder that is nothing":          {"'team {{team}}'", "'team {{tema}}'", "neither a part nor a parameter"},
		"a placeholder that does not end":        {"'team {{team}}'", "'team {{team'", "placeholders written"},
		"a line break in a header":               {"'team {{team}}'", `"team\r\nX-Evil: 1"`, "must be one line"},
		"an Origin header":                       {"X-Team:", "Origin:", "no header that a provider's file may set"},
		"a Host header":                          {"X-Team:", "host:", "no header that a provider's file may set"},
		"a call without the secret":              {"'Token {{value}}'", "'Token x'", "would prove nothing"},
		"a body that nothing escapes":            {"  headers:\n    Auth", "  body: '{{value}}'\n  headers:\n    Auth", "so that they are escaped"},
		"a placeholder outside of JSON's texts":  {"  headers:\n    Auth", "  body: '{\"k\": {{value}}}'\n  headers:\n    Content-Type: application/json\n    Auth", "outside of a text"},
		"a body that asks for nothing known":     {"  headers:\n    Auth", "  body: 'k={{vaule}}'\n  headers:\n    Content-Type: application/x-www-form-urlencoded\n    Auth", "neither a part nor a parameter"},
		"a status alone without its reason":      {"path: /token/active, equals: true, ", "alone: '', ", "a status alone proves nothing live"},
		"a status alone that portals send":       {"path: /token/active, equals: true, ", "alone: it has no body, ", "not 200, which portals send"},
		"opt-in without its reason":              {"cost: free", "probe_policy: opt-in\ncost: free", "opt_in: says what asking costs"},
		"a reason without opt-in":                {"cost: free", "opt_in: bills\ncost: free", "opt_in: says what asking costs"},
		"before without facts":                   {"cost: free", "before: [{fact: /a, exists: true, outcome: dead, reason: expired}]\ncost: free", "say decode"},
		"live before anybody was asked":          {"cost: free", "decode: d\nbefore: [{fact: /a, exists: true, outcome: live, reason: valid}]\ncost: free", "nothing is live that nobody"},
		"before about the answer":                {"cost: free", "decode: d\nbefore: [{path: /a, exists: true, outcome: dead, reason: expired}]\ncost: free", "about facts alone"},
		"a speaker with a request":               {"cost: free", "speak: s\ncost: free", "this file asks nobody over it"},
		"offline with rules":                     {"cost: free", "decode: d\nprobe_policy: offline\ncost: free", "and no rules"},
		"something derived from no part":         {"cost: free", "derived: {dc: {part: x, match: '(a)'}}\ncost: free", "is the name of a part"},
		"something derived without a group":      {"cost: free", "derived: {dc: {part: value, match: 'a'}}\ncost: free", "with one group"},
		"something derived in the URL":           {"request:\n  method: GET\n  url: '{{base_url}}/teams/{{team}}/token?verbose={{team}}'", "derived: {dc: {part: value, match: '(a)'}}\nrequest:\n  method: GET\n  url: '{{base_url}}/token/{{dc}}'", "use a header"},
		"a public part of one":                   {"cost: free", "public: [value]\ncost: free", "some of several parts"},
		"limits that are nowhere":                {"cost: free", "limits: {limit: {header: a}}\ncost: free", "limits.remaining: is a header"},
		"a fixed value that is no host":          {"{default: eu,", "{default: eu, one_of: [eu, us/x],", "neither a word nor the end of a host"},
		"a default that is not to be had":        {"{default: eu,", "{default: eu, one_of: [us],", "none of one_of"},
		"a word that may be a page":              {"equals: 0, outcome: live", "equals: 0, body_is: ['<p>'], outcome: live", "is one word each"},
		"elsewhere of one's own address":         {"base_url: https://{{region}}.gateway.example.com/api", "elsewhere: there\nbase_url: own", "with an address of its own"},
		"another method":                         {"method: GET", "method: DELETE", "method: must be one of GET"},
		"live by status alone":                   {"path: /token/active, equals: true, ", "", "a status alone proves nothing live"},
		"a rule without a status":                {"{status: [401], outcome", "{outcome", "status: is missing"},
		"a reason of another outcome":            {"outcome: dead, reason: invalid", "outcome: dead, reason: valid", "none of the reasons of outcome dead"},
		"blocked by nothing":                     {"which: no_credit", "which: x", "which: says of blocked"},
		"a condition about two places":           {"{status: [403], header", "{status: [403], path: /a, header", "one header, one path or one fact"},
		"a condition that says nothing":          {"header: X-Gateway-Scope, prefix: team,", "header: X-Gateway-Scope,", "exactly one of"},
		"a condition without a place":            {"header: X-Gateway-Scope, prefix: team,", "prefix: team,", "one header, one path or one fact"},
		"an empty text in every body":            {"{status: [401], outcome", "{status: [401], body_contains: [''], outcome", "in every body"},
		"a path that is no pointer":              {"path: /token/active", "path: token.active", "are JSON pointers"},
		"identity that is nowhere":               {"{path: /token/number}", "{pin: true}", "identity.number: is a header, a path or a fact"},
		"a control that is somebody's key":       {"'gw-live-{{random 32}}'", "'gw-live-{{random 4}}'", "must be nobody's"},
		"a control with a parameter":             {"'gw-live-{{random 32}}'", "'{{team}}-{{random 32}}'", "only placeholder here"},
		"a control that is huge":                 {"'gw-live-{{random 32}}'", "'{{random 99999}}'", "at most 4096"},
		"a control of an alphabet that is none":  {"{{random 32}}'", "{{random 32 runes}}'", "only placeholder here"},
		"an and that says nothing":               {"{status: [401], outcome", "{status: [401], and: [{path: /a}], outcome", "and: a condition has exactly one of"},
		"an and about no place":                  {"{status: [401], outcome", "{status: [401], and: [{equals: a}], outcome", "one header, one path or one fact"},
		"a refusal under a 200 by status":        {"{status: [401], outcome", "{status: [200, 401], outcome", "under a status below 400"},
		"two conditions at most and equal":       {"uses_left, equals: 0", "uses_left, at_most: 0, equals: 0", "exactly one of"},
		"identity in two places":                 {"{path: /token/number}", "{path: /token/number, is: x}", "identity.number: is a header, a path or a fact"},
		"a match that is no expression":          {"{path: /token/number}", "{path: /token/number, match: '('}", "identity.number.match: is no regular expression"},
		"a date of an unknown form":              {"as: unix", "as: words", "expiry.as: must be one of date"},
		"a prefix of everybody":                  {"[gw-live-]", "[sk]", "more than one issuer"},
		"a shape that is no expression":          {"^gw-live-[0-9a-f]{32}$", "^gw-live-([0-9a-f]$", "no regular expression"},
		"a parameter named as a part":            {"  team: {required", "  value: {required", "the name of nothing else"},
		"confidence that is none":                {"confidence: high", "confidence: sure", "confidence: must be one of high, medium, low"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("the file has no %q", c.old)
			}
			_, err := parse("gateway.yaml", strings.Replace(good, c.old, c.new, 1))
			if err == nil {
				t.Fatal("it loads")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "gateway.yaml:") {
				t.Errorf("got %v\nwant %q and the place", err, c.want)
			}
		})
	}
}

// The same for what only a key of several parts says.
func TestLoaderRefusesOfParts(t *testing.T) {
	text, err := os.ReadFile("providers/aws.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"an optional part that is none":        {"optional: [session_token]", "optional: [token]", "optional: names parts"},
		"a first part that may be missing":     {"optional: [session_token]", "optional: [access_key]", "other than the first"},
		"a variable without a part":            {", AWS_SESSION_TOKEN: session_token}", "}", "recognize.parts: does not say"},
		"a variable of no known part":          {"AWS_SESSION_TOKEN: session_token}", "AWS_SESSION_TOKEN: token}", "recognize.parts: is a map"},
		"a part of an unknown variable":        {"{AWS_ACCESS_KEY_ID: ", "{AWS_KEY: access_key, AWS_ACCESS_KEY_ID: ", "recognize.parts: is a map"},
		"a variable of one's own beside one":   {"  shape: '^(AKIA", "  beside: {AWS_ACCESS_KEY_ID: access_key}\n  shape: '^(AKIA", "recognize.beside: is a map"},
		"an unknown part beside one's own":     {"  shape: '^(AKIA", "  beside: {OTHER_KEY: other}\n  shape: '^(AKIA", "recognize.beside: is a map"},
		"a class that needs what all have":     {"requires: [session_token]", "requires: [secret_key]", "requires: names optional parts"},
		"code without a name":                  {"{by: sigv4, ", "{", "sign.by: must be the name"},
		"code that is told a secret":           {"region: '{{region}}'}", "region: '{{secret_key}}'}", "the code takes the parts by itself"},
		"code whose name is a parameter":       {"{by: sigv4,", "{by: '{{region}}',", "sign.by"},
		"a call that is neither signed nor so": {"  sign: {by: sigv4, service: sts, region: '{{region}}'}\n", "", "would prove nothing"},
		"a line break in what code is told":    {"service: sts", `service: "s\nts"`, "must be one line"},
		"a made-up key of unknown digits":      {"{{random 16 base32}}", "{{random 16 base64}}", "only placeholder here"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(text), c.old) {
				t.Fatalf("the file has no %q", c.old)
			}
			_, err := parse("aws.yaml", strings.Replace(string(text), c.old, c.new, 1))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "aws.yaml:") {
				t.Errorf("got %v\nwant %q and the place", err, c.want)
			}
		})
	}
}

func TestAFileWithoutARequestProvesNothing(t *testing.T) {
	_, err := parse("empty.yaml", "id: empty\nbase_url: https://issuer.example\nconfidence: high\nevidence: [none]\n")
	if err == nil || !strings.Contains(err.Error(), "request: is missing") {
		t.Errorf("got %v", err)
	}
}

func TestLoaderTellsEveryFaultAtOnce(t *testing.T) {
	text := strings.NewReplacer("method: GET", "method: EAT", "confidence: high", "confidence: sure").Replace(string(gatewayFile(t)))
	_, err := parse("gateway.yaml", text)
	if err == nil || !strings.Contains(err.Error(), "method") || !strings.Contains(err.Error(), "confidence") {
		t.Errorf("got %v", err)
	}
}

func TestVariantsAreChecked(t *testing.T) {
	text := string(gatewayFile(t)) + `
variants:
  - {name: nameless prefix}
  - {name: secret, prefix: gw-s-, probe_policy: never}
`
	_, err := parse("gateway.yaml", text)
	if err == nil || !strings.Contains(err.Error(), "the prefix that tells it") || !strings.Contains(err.Error(), "say why") {
		t.Errorf("got %v", err)
	}
}

func TestTheReasonOfAVariantIsChecked(t *testing.T) {
	for variant, want := range map[string]string{
		"{name: a, prefix: gw-a-, reason: malformed}":                                     "never probed; rules say it of others",
		"{name: a, prefix: gw-a-, probe_policy: never, detail: because, reason: invalid}": "is unsupported, wrong_auth_method or malformed",
	} {
		_, err := parse("gateway.yaml", string(gatewayFile(t))+"\nvariants: ["+variant+"]\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", variant, err)
		}
	}
}

func TestRulesThatNobodyConfirmedKillNothing(t *testing.T) {
	p, err := parse("gateway.yaml", string(gatewayFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	v := p.classes[0].judge(newAnswer(410, headers(""), []byte(`{"error":"gone"}`)), now).Verdict
	if v.Outcome != key.Unknown || v.Reason != key.Unauthenticated {
		t.Errorf("by a rule of low confidence: %s/%s", v.Outcome, v.Reason)
	}
	low, err := parse("gateway.yaml", strings.Replace(string(gatewayFile(t)), "confidence: high", "confidence: low", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range low.classes[0].rules {
		if r.Outcome == key.Dead {
			t.Errorf("in a file of low confidence: %v is dead", r.Status)
		}
	}
}

func TestAddOfTheUsersOwn(t *testing.T) {
	good := string(gatewayFile(t))
	t.Run("is found by name, variable and prefix", func(t *testing.T) {
		c := Builtin()
		if err := c.Add("gateway", "gateway.yaml", []byte(good)); err != nil {
			t.Fatal(err)
		}
		if p, err := c.Lookup("gateway"); err != nil || p.ID() != "gateway" {
			t.Errorf("lookup: %v", err)
		}
		if id, err := c.Resolve([]string{"GATEWAY_TOKEN"}); id != "gateway" || err != nil {
			t.Errorf("by variable: %q %v", id, err)
		}
		if id := c.ResolveValue(secret.New([]byte("gw-live-0"))); id != "gateway" {
			t.Errorf("by prefix: %q", id)
		}
		if err := c.Add("gateway", "again.yaml", []byte(good)); err == nil || !strings.Contains(err.Error(), "the name of two files") {
			t.Errorf("twice: %v", err)
		}
	})
	named := func(id, more string) []byte {
		return []byte(strings.Replace(good, "id: gateway\n", "id: "+id+"\n"+more, 1))
	}
	for name, c := range map[string]struct {
		name string
		text []byte
		want string
	}{
		"under another name":               {"gw", []byte(good), `id: must be "gw"`},
		"in place of a built-in, silently": {"openai", named("openai", ""), "overrides: true"},
		"as none":                          {"none", named("none", ""), "nobody can prove"},
		"with a prefix of another":         {"gateway", []byte(strings.Replace(good, "[gw-live-]", "[sk-ant-x-]", 1)), "belongs to provider anthropic"},
		"with a fault":                     {"gateway", []byte(strings.Replace(good, "cost: free", "costs: free", 1)), "costs"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Builtin().Add(c.name, "own.yaml", c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "own.yaml:") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("in place of a built-in, said aloud", func(t *testing.T) {
		c := Builtin()
		text := strings.Replace(string(named("openai", "overrides: true\n")), "[gw-live-]", "[sk-proj-]", 1)
		if err := c.Add("openai", "own.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
		p, err := c.Lookup("openai")
		if err != nil || p.Info().Name != "Example AI gateway" {
			t.Errorf("got %v", err)
		}
	})
}

func TestResolve(t *testing.T) {
	c := Builtin()
	own := strings.Replace(string(gatewayFile(t)), "GATEWAY_TOKEN", "OPENAI_API_KEY", 1)
	for name, want := range map[string]string{
		"ANTHROPIC_API_KEY": "anthropic", "CLAUDE_CODE_OAUTH_TOKEN": "anthropic", "OPENAI_ADMIN_KEY": "openai",
		"anthropic_api_key": "", "MY_ANTHROPIC_API_KEY": "",
	} {
		if id, err := c.Resolve([]string{name}); id != want || err != nil {
			t.Errorf("%s: %q %v, want %q", name, id, err, want)
		}
	}
	if _, err := c.Resolve([]string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}); err == nil || !strings.Contains(err.Error(), "anthropic and openai") {
		t.Errorf("two issuers: %v", err)
	}
	if err := c.Add("gateway", "g.yaml", []byte(own)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve([]string{"OPENAI_API_KEY"}); err == nil {
		t.Error("one variable of two providers is decided silently")
	}
	if _, err := c.Lookup("nobody"); !errors.Is(err, ErrUnknownProvider) {
		t.Errorf("unknown: %v", err)
	}
	for value, want := range map[string]string{
		"sk-ant-api03-x": "anthropic", "sk-proj-x": "openai", "sk-admin-x": "openai", "sk-0123456789": "", "": "", "AKIA": "",
	} {
		if got := c.ResolveValue(secret.New([]byte(value))); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	if got := slices.Sorted(maps.Keys(Builtin().Prefixes())); !slices.Contains(got, "sk-ant-") || slices.Contains(got, "sk-") {
		t.Errorf("prefixes %q: sk- belongs to several issuers", got)
	}
}

func TestMadeUpCredentialsHaveTheShapeOfTheirClass(t *testing.T) {
	for _, id := range Builtin().IDs() {
		p, err := Builtin().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.classes {
			if c.never != nil || c.request == nil {
				continue
			}
			one, other := c.control.madeUp(), c.control.madeUp()
			if one == other {
				t.Errorf("%s, %s: the same twice", id, c.name)
			}
			if c.misshapen(secret.New([]byte(one))) {
				t.Errorf("%s, %s: %q does not have the shape %s", id, c.name, one, c.shape)
			}
			if p.class(secret.New([]byte(one)), nil).request != c.request && c.prefix != "" {
				t.Errorf("%s, %s: %q is of another class", id, c.name, one)
			}
		}
	}
}

// Whatever a file says, reading it does not panic, and what loads goes to https
// hosts with the value in a header, or nowhere.
func FuzzFile(f *testing.F) {
	for _, id := range Builtin().IDs() {
		text, err := os.ReadFile("providers/" + id + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(string(gatewayFile(f)))
	f.Add("id: x\nconfidence: low\nevidence: [e]\nprobe_policy: never\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse("fuzz.yaml", text)
		if err != nil {
			return
		}
		for _, c := range p.classes {
			if c.never != nil || c.request == nil {
				continue
			}
			if p.file.BaseURL != OwnAddress && !strings.HasPrefix(p.file.BaseURL, "https://") {
				t.Fatalf("loads with base_url %q", p.file.BaseURL)
			}
			signers := map[string]validator.Signer{}
			if c.request.sign != nil {
				signers[c.request.sign.by] = func(*http.Request, validator.Signing) error { return nil }
			}
			in := filling{signers: signers, values: func(key.Part) []byte { return []byte("CANARY0CANARY") }}
			req, err := c.request.build(t.Context(), "https://issuer.example", in)
			if err != nil {
				continue
			}
			if req.URL.Host != "issuer.example" || req.URL.User != nil {
				t.Fatalf("a call goes to %q", req.URL.Host)
			}
			if strings.Contains(req.URL.String(), "CANARY") && p.file.Request.ValueInURL == "" && len(p.file.Variants) == 0 && len(p.file.Public) == 0 {
				t.Fatal("the value is in the URL")
			}
			c.judge(newAnswer(401, headers(""), []byte("{}")), now)
		}
	})
}
