// Package checkertest is what every Checker of an issuer over HTTP must pass.
package checkertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// Harness tells how to test one kind of checker.
type Harness struct {
	// New returns a checker whose live calls go to url.
	New func(t *testing.T, url string) validator.Checker
	// Value is a well-shaped credential.
	Value string
	// Material makes one version of a key in which the value is. Nil: it is the only
	// part of it. A key of several parts puts it where Sent finds it.
	Material func(value string) proof.Material
	// Sent returns the credential that a request carries.
	Sent func(r *http.Request) string
	// Live and Dead answer as the issuer does to a good and to a refused key.
	Live, Dead http.HandlerFunc
}

// Run tests the checkers that h makes.
func Run(t *testing.T, h Harness) {
	t.Run("a good key is live", h.live)
	t.Run("a refused key is dead", h.dead)
	t.Run("the value arrives byte for byte", h.exactBytes)
	t.Run("a value that cannot arrive as it is is not sent", h.unsendable)
	t.Run("an answer that is not the issuer's is unknown", h.foreign)
	t.Run("no redirect is followed", h.redirects)
	t.Run("a broken road is unknown", h.broken)
	t.Run("an answer that is cut off anywhere is never another answer", h.cutOff)
	t.Run("a slow road is a road", h.slow)
	t.Run("a caller who stops waiting gets an answer", h.cancelled)
	t.Run("the value is in nothing that is told", h.echo)
	t.Run("hosts are known before", h.hosts)
	t.Run("a made-up credential tests the road", h.control)
}

// Material is value as one version of a key.
func Material(value string) proof.Material {
	return MaterialOf(map[key.Part]string{key.DefaultPart: value})
}

// MaterialOf is parts as one version of a key.
func MaterialOf(parts map[key.Part]string) proof.Material {
	h := secret.NewHasher(secret.New([]byte("salt of checkertest")))
	values := make(map[key.Part]secret.Value, len(parts))
	for part, value := range parts {
		values[part] = secret.New([]byte(value))
	}
	return proof.New(h, "KEY", "1", values)
}

// issuer is a far end that counts.
type issuer struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func (h Harness) issuer(t *testing.T, answer http.HandlerFunc) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.sent = append(i.sent, h.Sent(r))
		i.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() { i.CloseClientConnections(); i.Close() })
	return i
}

func (i *issuer) calls() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.sent...)
}

// check makes one Check and holds it to what is true of every verdict.
func (h Harness) check(t *testing.T, c validator.Checker, value string) key.Verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return h.checkWith(ctx, t, c, value)
}

func (h Harness) material(value string) proof.Material {
	if h.Material == nil {
		return Material(value)
	}
	return h.Material(value)
}

func (h Harness) checkWith(ctx context.Context, t *testing.T, c validator.Checker, value string) key.Verdict {
	t.Helper()
	m := h.material(value)
	v := c.Check(ctx, m)
	if v.Fingerprint != m.Fingerprint {
		t.Errorf("verdict is about %q, not about the material", v.Fingerprint)
	}
	if v.Reason == "" || v.Detail == "" {
		t.Errorf("verdict %s has reason %q and detail %q: both are promised", v.Outcome, v.Reason, v.Detail)
	}
	if told := fmt.Sprintf("%+v", v); strings.Contains(told, value) {
		t.Error("the verdict has the value inside")
	}
	return v
}

func (h Harness) live(t *testing.T) {
	i := h.issuer(t, h.Live)
	v := h.check(t, h.New(t, i.URL), h.Value)
	if v.Outcome != key.Live || v.HTTPStatus == 0 {
		t.Errorf("got %s/%s status %d: %s", v.Outcome, v.Reason, v.HTTPStatus, v.Detail)
	}
	if n := len(i.calls()); n != 1 {
		t.Errorf("one Check made %d requests", n)
	}
}

func (h Harness) dead(t *testing.T) {
	i := h.issuer(t, h.Dead)
	v := h.check(t, h.New(t, i.URL), h.Value)
	if !v.Rejected() {
		t.Errorf("got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
	}
	if n := len(i.calls()); n != 1 {
		t.Errorf("one Check made %d requests", n)
	}
}

func (h Harness) exactBytes(t *testing.T) {
	i := h.issuer(t, h.Live)
	c := h.New(t, i.URL)
	for _, value := range []string{h.Value, h.Value + "=", h.Value + "é", h.Value + `"`, h.Value + " x", h.Value + "%2f+&"} {
		h.check(t, c, value)
		calls := i.calls()
		if got := calls[len(calls)-1]; got != value {
			t.Errorf("sent %d bytes, the value has %d, or they differ", len(got), len(value))
		}
	}
}

func (h Harness) unsendable(t *testing.T) {
	i := h.issuer(t, h.Live)
	c := h.New(t, i.URL)
	for name, value := range map[string]string{
		"empty": "", "blank before": " " + h.Value, "blank after": h.Value + " ", "tab after": h.Value + "\t",
		"newline": h.Value + "\n", "CRLF": h.Value + "\r\n", "newline inside": "a\n" + h.Value, "NUL": h.Value + "\x00", "DEL": h.Value + "\x7f",
	} {
		v := c.Check(t.Context(), h.material(value))
		if v.Outcome != key.Unknown || v.Reason != key.Misconfigured {
			t.Errorf("%s: got %s/%s", name, v.Outcome, v.Reason)
		}
		if n := len(i.calls()); n != 0 {
			t.Fatalf("%s: %d requests were made", name, n)
		}
	}
}

// hosts holds a Hoster to its word: it names the host of the call and no other.
func (h Harness) hosts(t *testing.T) {
	i := h.issuer(t, h.Live)
	hoster, ok := h.New(t, i.URL).(validator.Hoster)
	if !ok {
		t.Fatal("not a validator.Hoster")
	}
	if got := hoster.Hosts(); len(got) != 1 || got[0] != i.URL {
		t.Errorf("hosts are %q, calls go to %s", got, i.URL)
	}
}

func (h Harness) control(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		good   bool
		reason key.Reason
	}{
		"refused by the issuer":  {h.Dead, true, ""},
		"accepted":               {h.Live, false, key.Intercepted},
		"a web page":             {page(http.StatusOK), false, key.Intercepted},
		"another's refusal":      {text(http.StatusUnauthorized, "application/json", `{"no":"entry"}`), false, key.Intercepted},
		"redirected":             {redirect(http.StatusFound, "/"), false, key.Intercepted},
		"an issuer in trouble":   {text(529, "application/json", `{}`), false, key.Transient},
		"a connection that ends": {reset, false, key.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			i := h.issuer(t, c.answer)
			controller, ok := h.New(t, i.URL).(validator.Controller)
			if !ok {
				t.Fatal("not a validator.Controller")
			}
			v := controller.Control(t.Context())
			if v.Rejected() != c.good || !c.good && v.Reason != c.reason {
				t.Errorf("got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
			}
			calls := i.calls()
			if len(calls) != 1 || calls[0] == h.Value || len(calls[0]) < 16 {
				t.Errorf("%d requests; the credential must be made up", len(calls))
			}
		})
	}
}
