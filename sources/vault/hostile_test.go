package vault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/vault"
)

const (
	canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"
	tok    = "hvs.canary-token-4kT9wPz2Q"
)

// against makes sources at address that differ in what they ask first, with a timeout
// that a test can wait for.
func against(t *testing.T, address string) map[string]sources.Source {
	t.Helper()
	made := make(map[string]sources.Source)
	for step, settings := range map[string]string{
		"read":    "kv: 2, auth: {method: token, token_file: %[1]q}",
		"read v1": "kv: 1, auth: {method: token, token_file: %[1]q}",
		"mount":   "auth: {method: token, token_file: %[1]q}",
		"approle": "auth: {method: approle, role_id: r, secret_id_file: %[1]q}",
		"unwrap":  "auth: {method: approle, role_id: r, secret_id_file: %[1]q, secret_id_wrapped: true}",
		"jwt":     "auth: {method: jwt, token_file: %[1]q}",
		"user":    "auth: {method: userpass, username: u, password_file: %[1]q}",
	} {
		made[step] = open(t, "{address: %[2]q, timeout: 500ms, "+settings+"}", tempFile(t, tok), address)
	}
	return made
}

// TestFarEndThatMisbehaves holds every answer that is not Vault's to: an end in
// time, an error of the right kind, nothing quoted, and never "not found".
func TestFarEndThatMisbehaves(t *testing.T) {
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	page := "<html><title>Sign in</title>" + canary + "</html>"
	abort := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"data":{"data":{"k":"`+canary)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	for _, test := range []struct {
		rule    string
		handler http.HandlerFunc
		want    error // nil: any
		says    string
	}{
		{"a page instead of a record", text(200, page), vault.ErrAnswer, "does the address lead to Vault?"},
		{"a page instead of a 404", text(404, page), nil, "does the address lead to Vault?"},
		{"a firewall's page", text(403, page), nil, "does the address lead to Vault?"},
		{"a firewall's JSON", text(403, `{"message":"`+canary+`"}`), vault.ErrAnswer, "unexpected status 403"},
		{"JSON of somebody else", text(200, `{"ok":true,"k":"`+canary+`"}`), vault.ErrAnswer, ""},
		{"JSON of somebody else with 404", text(404, `{"message":"`+canary+`"}`), vault.ErrAnswer, ""},
		{"half a JSON text", text(200, `{"data":{"data":{"k":"`+canary), vault.ErrAnswer, ""},
		{"an empty body", text(200, ""), vault.ErrAnswer, ""},
		{"an empty 404", text(404, ""), vault.ErrAnswer, ""},
		{"an error that quotes the payload", text(400, `{"errors":["`+canary+`"]}`), nil, ""},
		{"an internal error that quotes the payload", text(500, `{"errors":["`+canary+`"]}`), vault.ErrBusy, "(500)"},
		{"a load balancer without Vault", text(503, page), vault.ErrBusy, "(503)"},
		{"a bad gateway", text(502, page), vault.ErrBusy, "(502)"},
		{"a sealed node behind a health check", text(503, `{"initialized":true,"sealed":true,"standby":true}`), vault.ErrSealed, ""},
		{"a rate limit", text(429, `{"errors":["request path \"secret/data/a\": rate limit quota exceeded"]}`), vault.ErrBusy, "quota"},
		{"a standby by health", text(429, `{"initialized":true,"sealed":false,"standby":true}`), vault.ErrStandby, "load balancer"},
		{"a DR secondary", text(472, `{}`), vault.ErrStandby, "(472)"},
		{"a performance standby", text(473, `{}`), vault.ErrStandby, "(473)"},
		{"a standby without an active node", text(500, `{"errors":["local node not active but active cluster node not found"]}`), vault.ErrStandby, ""},
		{"an engine that is being upgraded", text(400, `{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}`), nil, ""},
		{"a connection that is reset in the middle", abort(200), nil, ""},
		{"an error that is cut off", abort(500), nil, ""},
		{"a body of 1 GiB", giant(200), vault.ErrAnswer, "longer than 1048576 bytes"},
		{"an error of 1 GiB", giant(500), vault.ErrAnswer, "longer than"},
		{"headers that never come", silent, nil, "no answer within 500ms"},
		{"a body that trickles", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, nil, "no answer within 500ms"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			for step, src := range against(t, server.URL) {
				start := time.Now()
				_, err := src.Fetch(t.Context(), at("secret/a"))
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%s: took %s", step, took)
				}
				if err == nil || errors.Is(err, key.ErrNotFound) {
					t.Fatalf("%s: err = %v, want an error that is not key.ErrNotFound", step, err)
				}
				if step == "read" && test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) && step == "read" {
					t.Errorf("%s: err = %v, want %v and %q", step, err, test.want, test.says)
				}
				if quotes(err) {
					t.Errorf("%s: err = %v quotes the answer or the token", step, err)
				}
			}
		})
	}
}

// silent answers nothing until the caller has gone, which a server notices only
// once it has read the request.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func quotes(err error) bool {
	shown := fmt.Sprintf("%v %+v %#v", err, err, err)
	return strings.Contains(shown, "canary") || strings.Contains(shown, canary[10:18])
}

// giant answers a body that is well formed and never ends.
func giant(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"data":{"data":{"k":"`)
		chunk := []byte(strings.Repeat("A", 64<<10))
		for range 1 << 30 / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

func TestVaultThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	for step, src := range against(t, address) {
		_, err := src.Fetch(t.Context(), at("secret/a"))
		if err == nil || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: err = %v, want connection refused", step, err)
		}
	}
}

func TestRedirectTargetSeesNoRequest(t *testing.T) {
	var carried atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { carried.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for where, location := range map[string]string{
			"the same host":  "/v1/moved",
			"another host":   elsewhere.URL + "/v1/secret/data/a",
			"a network path": strings.TrimPrefix(elsewhere.URL, "http:"),
		} {
			t.Run(fmt.Sprintf("%d to %s", status, where), func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/v1/moved" {
						carried.Add(1)
					}
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				}))
				defer server.Close()
				for step, src := range against(t, server.URL) {
					_, err := src.Fetch(t.Context(), at("secret/a"))
					if !errors.Is(err, vault.ErrRedirected) || errors.Is(err, key.ErrNotFound) {
						t.Errorf("%s: err = %v, want redirected", step, err)
					}
				}
			})
		}
	}
	if n := carried.Load(); n != 0 {
		t.Errorf("redirect targets saw %d requests", n)
	}
}

func TestCanceledReadEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		silent(w, r)
	}))
	defer server.Close()
	src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", server.URL, tempFile(t, tok))
	start := time.Now()
	if _, err := src.Fetch(ctx, at("secret/a")); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestReadsBehindASlowOneEndToo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(silent))
	defer server.Close()
	src := against(t, server.URL)["read"]
	start := time.Now()
	done := make(chan error)
	for range 40 {
		go func() {
			_, err := src.Fetch(t.Context(), at("secret/a"))
			done <- err
		}()
	}
	for range 40 {
		if err := <-done; err == nil {
			t.Error("a read of a silent Vault succeeded")
		}
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("40 reads with a timeout of 500ms took %s", took)
	}
}

// TestFarEndThatAnswersRenewalsWithValues: what is logged about a token quotes nothing.
func TestFarEndThatAnswersRenewalsWithValues(t *testing.T) {
	for _, test := range []struct {
		rule   string
		status int
		body   string
	}{
		{"a refusal", 400, `{"errors":["` + canary + `"]}`},
		{"a denial", 403, `{"errors":["` + canary + ` permission denied"]}`},
		{"a page", 200, "<html>" + canary},
		{"JSON of somebody else", 200, `{"auth":"` + canary + `","data":{"ttl":"` + canary + `"}}`},
		{"another token, which no header carries", 200, `{"auth":{"client_token":"a b ` + canary + `"},"data":{"ttl":1,"renewable":true}}`},
		{"an outage", 503, `{"errors":["` + canary + `"]}`},
	} {
		for what, settings := range map[string]string{
			"of a login":  "{method: userpass, username: u, password_file: %q}",
			"from a file": "{method: token, token_file: %q}",
		} {
			t.Run(test.rule+" "+what, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "-self"):
						asked.Add(1)
						w.WriteHeader(test.status)
						_, _ = io.WriteString(w, test.body)
					case r.Method == http.MethodPost:
						reply(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": tok, "lease_duration": 1, "renewable": true}})
					default:
						reply(w, http.StatusOK, map[string]any{"data": map[string]any{"k": canary}})
					}
				}))
				defer server.Close()
				var log lockedText
				src := openLogging(t, &log, "{address: %q, kv: 1, auth: "+fmt.Sprintf(settings, tempFile(t, tok))+"}", server.URL)
				keep(t, src)
				if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
					t.Fatal(err)
				}
				eventually(t, "question about the token", func() error {
					if asked.Load() == 0 {
						return errors.New("none yet")
					}
					return nil
				})
				time.Sleep(20 * time.Millisecond)
				if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
					t.Errorf("a read stops because of it: %v", err)
				}
				if text := log.String(); strings.Contains(text, "canary") || strings.Contains(text, canary[10:18]) {
					t.Errorf("the log quotes a value:\n%s", text)
				}
			})
		}
	}
}

// lockedText is what a logger wrote.
type lockedText struct {
	mu   sync.Mutex
	text []byte
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
