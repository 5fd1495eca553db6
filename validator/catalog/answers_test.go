package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/checkertest"
)

// builtin is read once for all tests.
var builtin = Builtin()

func lookedUp(t testing.TB, id string) *Provider {
	t.Helper()
	p, err := builtin.Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checked asks a checker of a provider, whose issuer answers so.
func checked(t *testing.T, p *Provider, s *said) key.Verdict {
	t.Helper()
	c, err := p.Checker(s.settings(p, &road{said: s}, recordedCode))
	if err != nil {
		t.Fatal(err)
	}
	return c.Check(t.Context(), checkertest.MaterialOf(s.madeUp(t, p)))
}

// Every answer means what its file says, of the call that its file says; and every
// rule of the provider is tried by one.
func TestAnswers(t *testing.T) {
	for id, c := range corpora(t) {
		p := lookedUp(t, id)
		seen := map[string]bool{}
		for _, s := range c.Answers {
			t.Run(id+"/"+s.Name, func(t *testing.T) {
				tried, rule, err := p.try(t.Context(), &s, recordedCode)
				if err != nil {
					t.Fatal(err)
				}
				for _, fault := range tried.Faults {
					t.Error(fault)
				}
				if s.Status != 0 && s.Asks == "" || s.Status != 0 && s.Carries.empty() && len(p.file.Derived) == 0 {
					t.Error("asks or carries is missing: only a value that is taken apart is in no place as a whole")
				}
				if rule != nil {
					seen[rule.about()] = true
				}
			})
		}
		for _, rule := range p.untried(seen) {
			t.Errorf("%s: no answer tries a rule of %s", id, rule)
		}
	}
}

// Whoever stands in between may send an issuer's own words, but not as the issuer
// does: then they are nobody's.
func TestAnswersThatTheIssuerDidNotSend(t *testing.T) {
	for id, c := range corpora(t) {
		p := lookedUp(t, id)
		for _, s := range c.Answers {
			if s.Status == 0 || strings.HasPrefix(s.Want, "unknown") || byStatusAlone(s.class(t, p), s.answer()) {
				continue
			}
			word := s.class(t, p).knowsWord(s.answer()) // then it is no page, whatever it is called
			for how, change := range map[string]func(s *said){
				"from a server in trouble":            func(s *said) { s.Status = 502 },
				"as a web page":                       func(s *said) { s.Headers["Content-Type"] = "text/html" },
				"from a proxy that wants to know who": func(s *said) { s.Headers["Proxy-Authenticate"] = "Basic" },
				"under a redirect":                    func(s *said) { s.Status = 307 },
				"without a word":                      func(s *said) { s.Headers, s.Body = nil, "" },
				"as a page without a type":            func(s *said) { s.Headers, s.Body = nil, "<html><body>"+s.Body },
				"inside something else": func(s *said) {
					s.Headers = nil
					if json.Valid([]byte(s.Body)) { // a word of plain text is the same word there
						s.Body = `{"upstream":` + s.Body + `}`
					} else {
						s.Body = `{}`
					}
				},
			} {
				if word && how == "as a web page" {
					continue
				}
				t.Run(id+"/"+s.Name+"/"+how, func(t *testing.T) {
					other := s
					if other.Headers = maps.Clone(s.Headers); other.Headers == nil {
						other.Headers = map[string]string{}
					}
					change(&other)
					if v := checked(t, p, &other); v.Outcome != key.Unknown {
						t.Errorf("got %s: %s", told(v), v.Detail)
					}
				})
			}
		}
	}
}

// byStatusAlone says whether the issuer's file asks for nothing but this status.
func byStatusAlone(c *class, a *answer) bool {
	r := c.match(a)
	return r != nil && r.Alone != ""
}

// strangers are answers of proxies, gateways and frameworks, none of which is an issuer.
var strangers = []string{
	``, `{}`, `null`, `[]`, `denied`, `error code: 1020`, `Unauthorized`, "\x00\xff",
	`{"message":"Unauthorized"}`, `{"message":"Forbidden"}`, `{"message":"Missing Authentication Token"}`,
	`{"message":"No API key found in request"}`, `{"message":"Invalid authentication credentials"}`,
	`{"detail":"Not authenticated"}`, `{"detail":"Invalid token."}`, `{"status":"ok"}`, `{"ok":false}`, `{"ok":true}`, `{"active":false}`,
	`{"error":"unauthorized"}`, `{"error":"invalid_token"}`, `{"error":"invalid_auth"}`, `{"error":"Unauthorized","status":401,"path":"/user"}`,
	`{"error":"invalid_token","error_description":"The access token is invalid"}`,
	`{"error":{"message":"denied"}}`, `{"error":{"code":"denied"}}`,
	`{"error":{"code":401,"message":"no credentials","status":"UNAUTHENTICATED"}}`,
	`{"errors":[{"message":"denied"}]}`, `{"success":false}`, `{"object":"error"}`, `{"data":{}}`, `{"name":"portal"}`, `{"login":"https://portal"}`,
	`<!doctype html><title>Sign in</title>`, `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`,
}

// Nothing that a stranger says is about a key, whoever its issuer is.
func TestStrangersSayNothing(t *testing.T) {
	var said []*answer
	for _, status := range []int{200, 204, 400, 401, 402, 403, 404, 407, 410, 422, 429, 451, 500, 529} {
		for _, body := range strangers {
			for _, header := range []http.Header{
				{"Content-Type": {"application/json"}},
				{"Via": {"1.1 proxy"}, "Server": {"cloudflare"}, "Www-Authenticate": {"Bearer"}, "X-Request-Id": {"1"}},
			} {
				said = append(said, newAnswer(status, header, []byte(body)))
			}
		}
	}
	for _, id := range Builtin().IDs() {
		p, err := Builtin().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range p.classes {
			if class.never != nil {
				continue
			}
			for _, a := range said {
				if v := class.judge(a, now).Settle(); v.Outcome != key.Unknown && !byStatusAlone(class, a) {
					t.Errorf("%s, %s: %d %s is %s", id, class.name, a.status, a.body, told(v))
				}
			}
		}
	}
}

// What passes for every checker passes for one provider of each way of asking: the
// rest differ from it in data alone, and are held to the same traps without a socket.
func TestConformanceOfAnswers(t *testing.T) {
	asked := map[string]bool{}
	all := corpora(t)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		p := lookedUp(t, id)
		live, dead := c.first("live/valid"), c.first("dead/invalid")
		if live == nil || dead == nil || c.Carries.empty() || asked[way(&c)] {
			continue
		}
		asked[way(&c)] = true
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.CloseIdleConnections)
			parts := live.madeUp(t, p)
			first := firstOf(p)
			checkertest.Run(t, checkertest.Harness{
				New: func(t *testing.T, url string) validator.Checker {
					t.Helper()
					checker, err := p.Checker(settings(p, Settings{BaseURL: url, With: live.With, Client: client}))
					if err != nil {
						t.Fatal(err)
					}
					return checker
				},
				Value: parts[first],
				Material: func(value string) proof.Material {
					other := maps.Clone(parts)
					other[first] = value
					return checkertest.MaterialOf(other)
				},
				Sent: c.sent,
				Live: live.ServeHTTP,
				Dead: dead.ServeHTTP,
			})
		})
	}
}

// way is what kind of place a call has the credential in, and whether it has several parts.
func way(c *corpus) string {
	at := c.Carries
	return fmt.Sprint(at.Header != "", at.Basic != "", at.Query != "", at.Path != "", at.Form != "", at.JSON != "", len(c.Parts) > 0)
}

// A made-up credential must be refused by a rule, so that a refusal of a real one
// can be told from a proxy's.
func TestMadeUpCredentialsAreRefused(t *testing.T) {
	for id, c := range corpora(t) {
		class := lookedUp(t, id).class(secret.New([]byte(c.Value)), c.With)
		if class.request == nil { // a login that fails on purpose locks accounts
			continue
		}
		if dead := c.first("dead/"); dead != nil {
			if a := class.judgeControl(dead.answer(), now); !a.Verdict.Rejected() || !a.Marked {
				t.Errorf("%s: refused: %+v", id, a)
			}
		}
		if live := c.first("live/valid"); live != nil {
			if a := class.judgeControl(live.answer(), now); a.Verdict.Reason != key.Intercepted {
				t.Errorf("%s: accepted: %+v", id, a)
			}
		}
	}
}

func TestEveryProviderHasAnswers(t *testing.T) {
	all := corpora(t)
	for _, id := range Builtin().IDs() {
		if _, ok := all[id]; !ok {
			t.Errorf("%s: testdata/answers/%s.yaml is missing: say what the issuer answers", id, id)
		}
	}
}
