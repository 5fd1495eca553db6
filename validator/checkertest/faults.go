package checkertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

const portal = "<!DOCTYPE html><html><body>Please accept the terms of this network.</body></html>"

func text(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func page(status int) http.HandlerFunc { return text(status, "text/html; charset=utf-8", portal) }

func redirect(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (h Harness) foreign(t *testing.T) {
	asked := []key.Reason{key.Transient, key.Intercepted}
	refused := []key.Reason{key.Unauthenticated, key.Intercepted}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   []key.Reason
	}{
		"captive portal, 200":                 {page(http.StatusOK), asked},
		"a page without a type":               {text(http.StatusOK, "", portal), asked},
		"firewall, 403":                       {page(http.StatusForbidden), refused},
		"firewall, 401":                       {page(http.StatusUnauthorized), refused},
		"an edge's plain 403":                 {text(http.StatusForbidden, "text/plain", "error code: 1020"), refused},
		"an edge's rate limit":                {text(http.StatusTooManyRequests, "text/plain", "error code: 1015"), asked},
		"an empty 401":                        {text(http.StatusUnauthorized, "", ""), refused},
		"another's JSON, 401":                 {text(http.StatusUnauthorized, "application/json", `{"message":"Unauthorized"}`), refused},
		"another's JSON, 200":                 {text(http.StatusOK, "application/json", `{"status":"ok"}`), asked},
		"an empty 200":                        {text(http.StatusOK, "application/json", ""), asked},
		"garbage, 200":                        {text(http.StatusOK, "application/json", "\x00\x01{\"data\":[{"), asked},
		"a proxy that wants to know who, 407": {text(http.StatusProxyAuthRequired, "text/plain", ""), []key.Reason{key.Intercepted}},
		"a network that wants a login, 511":   {page(http.StatusNetworkAuthenticationRequired), []key.Reason{key.Intercepted}},
		"timeout of the issuer, 408":          {text(http.StatusRequestTimeout, "", ""), []key.Reason{key.Transient}},
		"too early, 425":                      {text(http.StatusTooEarly, "", ""), []key.Reason{key.Transient}},
		"internal error, 500":                 {text(http.StatusInternalServerError, "application/json", `{}`), []key.Reason{key.Transient}},
		"bad gateway, 502, as a page":         {page(http.StatusBadGateway), []key.Reason{key.Transient}},
		"an edge cannot reach it, 522":        {page(522), []key.Reason{key.Transient}},
		"overloaded, 529":                     {text(529, "application/json", `{"type":"error"}`), []key.Reason{key.Transient}},
		"live body under a 500":               {under(http.StatusInternalServerError, h.Live), []key.Reason{key.Transient}},
		"dead body under a 503":               {under(http.StatusServiceUnavailable, h.Dead), []key.Reason{key.Transient}},
	} {
		t.Run(name, func(t *testing.T) {
			i := h.issuer(t, c.answer)
			v := h.check(t, h.New(t, i.URL), h.Value)
			if v.Outcome != key.Unknown || !slices.Contains(c.want, v.Reason) {
				t.Errorf("got %s/%s, want unknown and one of %s: %s", v.Outcome, v.Reason, c.want, v.Detail)
			}
			if n := len(i.calls()); n != 1 {
				t.Errorf("one Check made %d requests", n)
			}
		})
	}
}

// under answers with the body of another handler and a status of its own.
func under(status int, body http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		body(rec, r)
		w.WriteHeader(status)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

// A redirect may lead anywhere: whoever it leads to sees nothing.
func (h Harness) redirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, where := range []string{"same host", "other host", "//"} {
			t.Run(fmt.Sprintf("%d to %s", status, where), func(t *testing.T) {
				var seen atomic.Int32
				target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen.Add(1)
					h.Live(w, r)
				}))
				defer target.Close()
				to := map[string]string{"same host": "/elsewhere", "other host": target.URL, "//": strings.TrimPrefix(target.URL, "http:")}[where]
				i := h.issuer(t, redirect(status, to))
				v := h.check(t, h.New(t, i.URL), h.Value)
				if v.Outcome != key.Unknown || v.Reason != key.Intercepted {
					t.Errorf("got %s/%s", v.Outcome, v.Reason)
				}
				if n := len(i.calls()); n != 1 || seen.Load() != 0 {
					t.Errorf("host saw %d requests, target %d; want 1 and 0", n, seen.Load())
				}
			})
		}
	}
}

func (h Harness) broken(t *testing.T) {
	var written atomic.Int64
	for name, answer := range map[string]http.HandlerFunc{
		"reset": reset,
		"cut off in the body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"data":[`)
		},
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n")
				_ = conn.Close()
			}
		},
		"1 MiB of headers": func(w http.ResponseWriter, r *http.Request) {
			for i := range 1024 {
				w.Header().Set(fmt.Sprintf("X-Filler-%d", i), strings.Repeat("x", 1024))
			}
			h.Live(w, r)
		},
		"1 GiB of body": func(w http.ResponseWriter, _ *http.Request) {
			chunk := make([]byte, 1<<20)
			for range 1024 {
				n, err := w.Write(chunk)
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := h.issuer(t, answer)
			v := h.check(t, h.New(t, i.URL), h.Value)
			if !v.Unasked() {
				t.Errorf("got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
			}
			if n := len(i.calls()); n != 1 {
				t.Errorf("one Check made %d requests", n)
			}
		})
	}
	if n := written.Load(); n > 64<<20 {
		t.Errorf("%d MiB of an endless body were taken", n>>20)
	}
	t.Run("nobody listens", func(t *testing.T) {
		i := h.issuer(t, h.Live)
		i.Close()
		if v := h.check(t, h.New(t, i.URL), h.Value); v.Outcome != key.Unknown || v.Reason != key.Transient {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
}

func (h Harness) cancelled(t *testing.T) {
	i := h.issuer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees that a caller left once it has the request
		<-r.Context().Done()
	})
	c := h.New(t, i.URL)
	for name, end := range map[string]func() (context.Context, context.CancelFunc){
		"before": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		},
		"by deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 50*time.Millisecond)
		},
	} {
		ctx, cancel := end()
		start := time.Now()
		v := h.checkWith(ctx, t, c, h.Value)
		cancel()
		if v.Outcome != key.Unknown || v.Reason != key.Transient {
			t.Errorf("%s: got %s/%s", name, v.Outcome, v.Reason)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// echo answers with the value in every place that a verdict is made of.
func (h Harness) echo(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"live": h.Live, "dead": h.Dead} {
		t.Run(name, func(t *testing.T) {
			i := h.issuer(t, func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				answer(rec, r)
				for header := range rec.Header() {
					if header != "Content-Type" {
						w.Header().Set(header, h.Value)
					}
				}
				w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
				w.Header().Set("Retry-After", h.Value)
				w.WriteHeader(rec.Code)
				_, _ = io.WriteString(w, strings.ReplaceAll(rec.Body.String(), `"message":"`, `"message":"`+h.Value))
			})
			h.check(t, h.New(t, i.URL), h.Value) // looks for the value
		})
	}
}
