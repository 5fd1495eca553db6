package kubernetes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/kubernetes"
	"github.com/livekey/livekey/sources/sourcetest"
)

// open makes a source over the API at address, with further settings.
func open(t *testing.T, address string, settings ...string) sources.Source {
	t.Helper()
	n, err := config.Parse("test.yaml", "sources.k", "api: http://"+address+"\n"+strings.Join(settings, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := kubernetes.FromConfig(sources.Env{Name: "k", Log: slog.New(slog.DiscardHandler)}, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.Listener.Addr().String()
}

func at(name string) key.Location {
	return key.Location{Source: "k", Path: "prod/" + strings.ReplaceAll(strings.ToLower(name), "_", "-")}
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		s := fakekube.New()
		address := serve(t, s)
		name := func(n string) string { return strings.TrimPrefix(at(n).Path, "prod/") }
		put := func(_ *testing.T, n string, data []byte) {
			s.Put(name(n), map[string][]byte{"A": data, "B": []byte("beside it")}, "kubectl")
		}
		fault := func(arrange func()) func(t *testing.T, canary []byte) key.Location {
			return func(t *testing.T, canary []byte) key.Location {
				put(t, "FAULTY", canary)
				arrange()
				return at("FAULTY")
			}
		}
		return sourcetest.Harness{
			Open:     func(t *testing.T) sources.Source { return open(t, address) },
			Location: at,
			Put:      put,
			Delete:   func(_ *testing.T, n string) { s.Delete(name(n)) },
			Value: func(t *testing.T, r sources.Record) []byte {
				var all struct{ A string }
				if err := json.Unmarshal(r.Data.Reveal(), &all); err != nil {
					t.Fatal(err)
				}
				return []byte(all.A)
			},
			Carries: utf8.Valid, // what is not has a test of its own
			Faults: map[string]func(t *testing.T, canary []byte) key.Location{
				"forbidden": fault(func() { s.Forbid("get", true) }),
				"no token":  fault(func() { s.Require("another") }),
			},
			Address: address,
			OpenAt:  func(t *testing.T, address string) sources.Source { return open(t, address) },
		}
	})
}

func TestAnEntryThatIsNoTextStaysInBase64(t *testing.T) {
	s := fakekube.New()
	src := open(t, serve(t, s))
	s.Put("llm", map[string][]byte{"store.p12": {0x80, 0xfe, 'x'}, "A": []byte("sk-1\n\"\\")}, "kubectl")
	r, err := src.Fetch(t.Context(), at("llm"))
	if err != nil {
		t.Fatal(err)
	}
	ref := func(field string) map[key.Part]key.Ref {
		return map[key.Part]key.Ref{key.DefaultPart: {Location: at("llm"), Field: field}}
	}
	_, faults := normalize.Normalize(normalize.Input{Data: r.Data, Refs: ref("store.p12")})
	if len(faults) != 1 || !strings.Contains(faults[0].Detail, "#/store.p12/base64") || !strings.Contains(faults[0].Detail, "format: base64") {
		t.Errorf("%v, want one that says how", faults)
	}
	allow := []string{string(normalize.Control), string(normalize.NonASCII)}
	got, faults := normalize.Normalize(normalize.Input{Data: r.Data, Refs: ref("/store.p12/base64"), Base64: true, Allow: allow})
	if v := got[key.DefaultPart]; !bytes.Equal(v.Reveal(), []byte{0x80, 0xfe, 'x'}) {
		t.Errorf("its bytes are %q, %v", v.Reveal(), faults)
	}
}

func TestANameAloneIsInTheSourcesNamespace(t *testing.T) {
	s := fakekube.New()
	s.Put("llm", map[string][]byte{"A": []byte("x")}, "kubectl")
	address := serve(t, s)
	for settings, found := range map[string]bool{"namespace: prod": true, "": false} { // "": default
		_, err := open(t, address, settings).Fetch(t.Context(), key.Location{Source: "k", Path: "llm"})
		if found != (err == nil) || !found && !errors.Is(err, key.ErrNotFound) {
			t.Errorf("%q: %v", settings, err)
		}
	}
}

func TestWhatIsNotThereIsToldFromWhatIsForbiddenAndWhatIsAway(t *testing.T) {
	s := fakekube.New()
	address := serve(t, s)
	src := open(t, address)
	if _, err := src.Fetch(t.Context(), at("none")); !errors.Is(err, key.ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
	s.Forbid("get", true)
	if _, err := src.Fetch(t.Context(), at("none")); !errors.Is(err, kube.ErrForbidden) || errors.Is(err, key.ErrNotFound) {
		t.Errorf("forbidden: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	_ = l.Close()
	if _, err := open(t, gone).Fetch(t.Context(), at("none")); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("away: %v", err)
	}
}

func TestABusyServerIsLeftAlone(t *testing.T) {
	src := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"kind":"Status","code":429,"reason":"TooManyRequests","message":"slow down"}`))
	})))
	_, err := src.Fetch(t.Context(), at("llm"))
	if retry, ok := errors.AsType[*sources.RetryError](err); !ok || retry.After != 7*time.Second {
		t.Errorf("%v", err)
	}
}

func TestAWatchGoesOn(t *testing.T) {
	for rule, c := range map[string]struct {
		breaks, mends func(s *fakekube.Server, h *httptest.Server)
		anew          int // how often it begins without a version
	}{
		"after its version was forgotten and the Secret was taken away meanwhile": {
			func(s *fakekube.Server, h *httptest.Server) {
				s.Forbid("watch", true)
				h.CloseClientConnections()
				s.Delete("llm")
				s.Forget()
			},
			func(s *fakekube.Server, _ *httptest.Server) { s.Forbid("watch", false) },
			2,
		},
		"after it was forbidden": {
			func(s *fakekube.Server, h *httptest.Server) {
				s.Forbid("watch", true)
				h.CloseClientConnections()
				s.Put("llm", nil, "kubectl")
			},
			func(s *fakekube.Server, _ *httptest.Server) { s.Forbid("watch", false) },
			1,
		},
		"after the connection was cut": {
			func(_ *fakekube.Server, h *httptest.Server) { h.CloseClientConnections() },
			func(s *fakekube.Server, _ *httptest.Server) { s.Put("llm", nil, "kubectl") },
			1,
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			s := fakekube.New()
			s.Put("llm", map[string][]byte{"A": []byte("1")}, "kubectl")
			h := httptest.NewServer(s)
			ctx, cancel := context.WithCancel(t.Context())
			told := make(chan key.Location, 100)
			var watching sync.WaitGroup
			watching.Go(func() {
				_ = open(t, h.Listener.Addr().String()).(sources.Watcher).Watch(ctx, []key.Location{at("llm")}, func(l key.Location) { told <- l })
			})
			t.Cleanup(func() { cancel(); watching.Wait(); h.CloseClientConnections(); h.Close() })
			hears := func(what string) {
				t.Helper()
				select {
				case <-told:
				case <-time.After(5 * time.Second):
					t.Fatalf("%s was not told", what)
				}
			}
			hears("the beginning")
			c.breaks(s, h)
			c.mends(s, h)
			hears("what happened meanwhile")
			for end := time.Now().Add(10 * time.Second); s.Calls("watch anew") < c.anew && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			if n := s.Calls("watch anew"); n != c.anew {
				t.Errorf("it began %d times without a version, want %d", n, c.anew)
			}
		})
	}
}

func TestLint(t *testing.T) {
	src := open(t, "127.0.0.1:1")
	for path, good := range map[string]bool{
		"prod/llm": true, "llm": true, "prod/llm.keys": true,
		"": false, "/llm": false, "prod/": false, "a/b/c": false, "Prod/llm": false, "prod/../x": false, "prod/l lm": false,
	} {
		if err := src.(sources.Linter).Lint(key.Ref{Location: key.Location{Path: path}}); good != (err == nil) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
