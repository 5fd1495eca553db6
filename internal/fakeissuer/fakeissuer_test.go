package fakeissuer_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

type reply struct {
	status int
	header http.Header
	body   string
}

func start(t *testing.T) (*fakeissuer.Issuer, string) {
	t.Helper()
	i := fakeissuer.New()
	url, stop, err := i.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return i, url
}

func ask(t *testing.T, url string, headers map[string]string) (reply, error) {
	t.Helper()
	return askWithin(t, 10*time.Second, url, headers)
}

func askWithin(t *testing.T, timeout time.Duration, url string, headers map[string]string) (reply, error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	c := &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true},
	}
	resp, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

func anthropic(key string) map[string]string {
	return map[string]string{"x-api-key": key, "anthropic-version": "2023-06-01"}
}

func TestTheLifeOfAKey(t *testing.T) {
	i, url := start(t)
	k := fakeissuer.NewAnthropicKey()
	steps := []struct {
		name   string
		do     func()
		status int
		org    string
	}{
		{"unknown", func() {}, 401, ""},
		{"issued", func() { i.Add(k, fakeissuer.Account{Organization: "org-1"}) }, 200, "org-1"},
		{"out of credit", func() { i.Add(k, fakeissuer.Account{Organization: "org-1", State: fakeissuer.NoCredit}) }, 400, "org-1"},
		{"revoked", func() { i.Revoke(k) }, 401, ""},
	}
	for n, s := range steps {
		s.do()
		r, err := ask(t, url+"/v1/models?limit=1", anthropic(k))
		if err != nil {
			t.Fatal(err)
		}
		if r.status != s.status || r.header.Get("Anthropic-Organization-Id") != s.org || !strings.HasPrefix(r.header.Get("Request-Id"), "req_") {
			t.Errorf("%s: %d %v", s.name, r.status, r.header)
		}
		if s.status >= 400 {
			var body struct {
				Type      string
				Error     struct{ Type, Message string }
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.Type != "error" || body.Error.Type == "" || body.RequestID != r.header.Get("Request-Id") {
				t.Errorf("%s: not the API's envelope: %s", s.name, r.body)
			}
		}
		if i.Calls(k) != n+1 || i.Total() != n+1 {
			t.Errorf("%s: counted %d and %d calls, not %d", s.name, i.Calls(k), i.Total(), n+1)
		}
	}
}

func TestRateLimitSaysWhen(t *testing.T) {
	i, url := start(t)
	k := fakeissuer.NewOpenAIKey()
	i.Add(k, fakeissuer.Account{State: fakeissuer.RateLimited, RetryAfter: 2 * time.Second})
	for _, headers := range []map[string]string{anthropic(k), {"Authorization": "Bearer " + k}} {
		r, err := ask(t, url+"/v1/models", headers)
		if err != nil || r.status != 429 || r.header.Get("Retry-After") != "2" {
			t.Errorf("got %d %v, %v", r.status, r.header, err)
		}
	}
}

func TestKeysWorkOnlyWhereTheyBelong(t *testing.T) {
	i, url := start(t)
	api, admin, oat := fakeissuer.NewAnthropicKey(), fakeissuer.NewAnthropicAdminKey(), fakeissuer.NewAnthropicToken()
	openai, openaiAdmin := fakeissuer.NewOpenAIKey(), fakeissuer.NewOpenAIAdminKey()
	for _, k := range []string{api, admin, oat, openai, openaiAdmin} {
		i.Add(k, fakeissuer.Account{Organization: "org-1", Workspace: "wrkspc_1"})
	}
	in := func(workspace string) map[string]string {
		h := anthropic(api)
		h["anthropic-workspace-id"] = workspace
		return h
	}
	for name, c := range map[string]struct {
		path    string
		headers map[string]string
		status  int
	}{
		"an admin key lists no models":         {"/v1/models", anthropic(admin), 401},
		"an API key sees no organization":      {"/v1/organizations/me", anthropic(api), 401},
		"an admin key sees its organization":   {"/v1/organizations/me", anthropic(admin), 200},
		"a token needs the beta header":        {"/v1/models", map[string]string{"Authorization": "Bearer " + oat, "anthropic-version": "2023-06-01"}, 401},
		"no key at all":                        {"/v1/models", map[string]string{"anthropic-version": "2023-06-01"}, 401},
		"a path that is none":                  {"/v2/models", anthropic(api), 404},
		"its own workspace":                    {"/v1/models", in("wrkspc_1"), 200},
		"a workspace of others":                {"/v1/models", in("wrkspc_2"), 404},
		"an OpenAI key lists models":           {"/v1/models", map[string]string{"Authorization": "Bearer " + openai}, 200},
		"an OpenAI admin key lists no models":  {"/v1/models", map[string]string{"Authorization": "Bearer " + openaiAdmin}, 404},
		"an OpenAI admin key lists admin keys": {"/v1/organization/admin_api_keys", map[string]string{"Authorization": "Bearer " + openaiAdmin}, 200},
		"no OpenAI key at all":                 {"/v1/models", nil, 401},
		"an organization of others":            {"/v1/models", map[string]string{"Authorization": "Bearer " + openai, "OpenAI-Organization": "org-2"}, 401},
	} {
		if r, err := ask(t, url+c.path, c.headers); err != nil || r.status != c.status {
			t.Errorf("%s: got %d, %v, want %d: %s", name, r.status, err, c.status, r.body)
		}
	}
}

func TestModes(t *testing.T) {
	i, url := start(t)
	k := fakeissuer.NewAnthropicKey()
	i.Add(k, fakeissuer.Account{Organization: "org-1"})
	html := func(r reply) bool { return strings.Contains(r.header.Get("Content-Type"), "html") }
	for name, c := range map[string]struct {
		mode fakeissuer.Mode
		good func(reply, error) bool
	}{
		"overloaded":  {fakeissuer.Overloaded, func(r reply, _ error) bool { return r.status == 529 && strings.Contains(r.body, "overloaded_error") }},
		"unavailable": {fakeissuer.Unavailable, func(r reply, _ error) bool { return r.status == 503 && r.header.Get("Retry-After") == "1" }},
		"portal":      {fakeissuer.Portal, func(r reply, _ error) bool { return r.status == 200 && html(r) }},
		"redirect":    {fakeissuer.PortalRedirect, func(r reply, _ error) bool { return r.status == 302 && r.header.Get("Location") == "/portal" }},
		"firewall":    {fakeissuer.Firewall, func(r reply, _ error) bool { return r.status == 403 && html(r) }},
		"garbage":     {fakeissuer.Garbage, func(r reply, _ error) bool { return r.status == 200 && !json.Valid([]byte(r.body)) && !html(r) }},
		"slow": {fakeissuer.Slow, func(_ reply, err error) bool {
			var t interface{ Timeout() bool }
			return errors.As(err, &t) && t.Timeout()
		}},
		"reset":   {fakeissuer.Reset, func(_ reply, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"endless": {fakeissuer.Endless, func(r reply, _ error) bool { return len(r.body) == 1<<20 }},
		"healthy": {fakeissuer.Healthy, func(r reply, _ error) bool { return r.status == 200 && json.Valid([]byte(r.body)) }},
	} {
		i.Mode(c.mode)
		timeout := 10 * time.Second
		if c.mode == fakeissuer.Slow {
			timeout = 50 * time.Millisecond
		}
		if r, err := askWithin(t, timeout, url+"/v1/models", anthropic(k)); !c.good(r, err) {
			t.Errorf("%s: got %d %v, %v", name, r.status, r.header, err)
		}
	}
}

func TestMadeUpKeysHaveTheDocumentedShape(t *testing.T) {
	for shape, made := range map[string]func() string{
		`^sk-ant-api03-[A-Za-z0-9_-]{93}AA$`:                      fakeissuer.NewAnthropicKey,
		`^sk-ant-admin01-[A-Za-z0-9_-]{93}AA$`:                    fakeissuer.NewAnthropicAdminKey,
		`^sk-ant-oat01-[A-Za-z0-9_-]{40,}$`:                       fakeissuer.NewAnthropicToken,
		`^sk-proj-[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}$`:  fakeissuer.NewOpenAIKey,
		`^sk-admin-[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}$`: fakeissuer.NewOpenAIAdminKey,
	} {
		one, other := made(), made()
		if !regexp.MustCompile(shape).MatchString(one) || one == other {
			t.Errorf("%q and %q, want two of %s", one, other, shape)
		}
	}
	if n := len(fakeissuer.NewAnthropicKey()); n != 108 {
		t.Errorf("an API key has %d characters", n)
	}
}
