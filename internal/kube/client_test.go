package kube_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/kube"
)

const canary = "lk-canary-3d91f0a7c2"

// api is a fake server and a client of it.
func api(t *testing.T, c kube.Config) (*fakekube.Server, *kube.Client) {
	t.Helper()
	s := fakekube.New()
	h := httptest.NewServer(s)
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	c.API = h.URL
	return s, kube.New(c, &httpclient.Factory{})
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get reads the Secret llm.
func get(t *testing.T, c *kube.Client) (kube.Secret, error) {
	t.Helper()
	var s kube.Secret
	err := c.Get(t.Context(), kube.SecretPath(fakekube.Namespace, "llm"), &s)
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("a value is in an error: %v", err)
	}
	return s, err
}

func TestASecretComesDecoded(t *testing.T) {
	s, c := api(t, kube.Config{})
	s.Put("llm", map[string][]byte{"A": []byte(canary), "B": {0xff, 0}, "C": {}}, "kubectl")
	got, err := get(t, c)
	if err != nil || string(got.Data["A"].Reveal()) != canary || string(got.Data["B"].Reveal()) != "\xff\x00" || got.Data["C"].Len() != 0 || len(got.Data) != 3 {
		t.Errorf("%d entries, %v", len(got.Data), err)
	}
	if got.Type != "Opaque" || got.Metadata.Name != "llm" || got.Metadata.ResourceVersion == "" {
		t.Errorf("type %s, %+v", got.Type, got.Metadata)
	}
}

func TestARefusalSaysWhatWhereWhyAndTheRule(t *testing.T) {
	for rule, c := range map[string]struct {
		arrange func(s *fakekube.Server)
		is      error
		says    []string
	}{
		"nothing is there": {func(*fakekube.Server) {}, kube.ErrNotFound, []string{"get secret llm in namespace prod", "404"}},
		"no rule lets it": {
			func(s *fakekube.Server) { s.Forbid("get", true) }, kube.ErrForbidden,
			[]string{"system:serviceaccount:prod:livekey", `{apiGroups: [""], resources: [secrets], resourceNames: [llm], verbs: [get]} (Role in namespace prod)`},
		},
		"no token": {func(s *fakekube.Server) { s.Require("t") }, kube.ErrUnauthorized, []string{"401", "token"}},
	} {
		t.Run(rule, func(t *testing.T) {
			s, client := api(t, kube.Config{})
			c.arrange(s)
			_, err := get(t, client)
			if !errors.Is(err, c.is) {
				t.Fatalf("%v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%v\nlacks %s", err, says)
				}
			}
		})
	}
}

func TestWhoIsNoKubernetesSaysNothingAboutASecret(t *testing.T) {
	for rule, answer := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 "+canary, http.StatusNotFound) },
		"a path it has not": func(w http.ResponseWriter, _ *http.Request) {
			fakekube.New().ServeHTTP(w, httptest.NewRequest("GET", "/else", http.NoBody))
		},
		"a redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login?"+canary, http.StatusFound) },
		"a proxy's 502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(canary)) },
		"no base64": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data":{"A":"` + canary + `"}}`))
		},
		"more than an object": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"type":"` + strings.Repeat("x", 4<<20) + `"}`))
		},
	} {
		t.Run(rule, func(t *testing.T) {
			h := httptest.NewServer(answer)
			defer h.Close()
			_, err := get(t, kube.New(kube.Config{API: h.URL}, nil))
			if !errors.Is(err, kube.ErrAnswer) && !errors.Is(err, kube.ErrBusy) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestATokenThatWasReplacedIsReadAgain(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "token"), "first\n")
	s, c := api(t, kube.Config{TokenFile: path})
	s.Put("llm", nil, "kubectl")
	for _, token := range []string{"first", "second", "third"} {
		s.Require(token)
		write(t, path+".new", token)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, c); err != nil {
			t.Errorf("with %s: %v", token, err)
		}
	}
	write(t, path, "not right")
	if _, err := get(t, c); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "right") {
		t.Errorf("%v", err)
	}
}

func TestARootThatWasReplacedIsReadAgain(t *testing.T) {
	s := fakekube.New()
	s.Put("llm", nil, "kubectl")
	h := httptest.NewTLSServer(s)
	t.Cleanup(h.Close)
	other := httptest.NewTLSServer(s)
	t.Cleanup(other.Close)
	path := write(t, filepath.Join(t.TempDir(), "ca.crt"), strangersRoot(t))
	c := kube.New(kube.Config{API: h.URL, CAFile: path}, nil)
	if _, err := get(t, c); err == nil || !strings.Contains(err.Error(), "signed by nobody") {
		t.Errorf("%v", err)
	}
	write(t, path+".new", pemOf(h.Certificate().Raw))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, c); err != nil {
		t.Error(err)
	}
}

func TestApplySaysWhoseAFieldIs(t *testing.T) {
	s, c := api(t, kube.Config{})
	s.Put("app", map[string][]byte{"A": []byte("theirs")}, "kubectl-edit")
	body := []byte(`{"apiVersion":"v1","kind":"Secret","data":{"A":"bWluZQ=="}}`)
	path := kube.SecretPath("prod", "app")
	err := c.Apply(t.Context(), path, "livekey", false, body)
	var refused *kube.Error
	if !errors.Is(err, kube.ErrConflict) || !errors.As(err, &refused) || len(refused.Causes) != 1 || refused.Causes[0].Field != ".data.A" {
		t.Fatalf("%v", err)
	}
	if err := c.TryApply(t.Context(), path, "livekey", true, body); err != nil {
		t.Fatal(err)
	}
	if o, _ := s.Get("app"); string(o.Data["A"]) != "theirs" {
		t.Error("a try stays")
	}
	if err := c.Apply(t.Context(), path, "livekey", true, body); err != nil {
		t.Fatal(err)
	}
	if o, _ := s.Get("app"); string(o.Data["A"]) != "mine" {
		t.Error("it was not forced")
	}
}

func TestAWatchTellsOfOneObjectAndGoesOn(t *testing.T) {
	s, c := api(t, kube.Config{})
	s.Put("llm", map[string][]byte{"A": []byte(canary)}, "kubectl")
	s.Put("other", nil, "kubectl")
	version := ""
	stop := errors.New("enough")
	watch := func(change func(), want ...string) {
		t.Helper()
		var got []string
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := c.Watch(ctx, kube.SecretPath("prod", "llm"), version, func(e kube.Event) error {
			version = e.Metadata.ResourceVersion
			if got = append(got, e.Type); len(got) == len(want) {
				return stop
			}
			if change != nil {
				change()
				change = nil
			}
			return nil
		})
		if !errors.Is(err, stop) || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	watch(nil, kube.Added)
	version = ""
	watch(func() {
		s.Put("other", nil, "kubectl")
		s.Put("llm", nil, "kubectl")
	}, kube.Added, kube.Bookmark, kube.Modified)
	s.Delete("llm") // while nobody watches
	watch(func() { s.Put("llm", nil, "kubectl") }, kube.Deleted, kube.Added)
	s.Forget()
	if err := c.Watch(t.Context(), kube.SecretPath("prod", "llm"), version, func(kube.Event) error { return nil }); !errors.Is(err, kube.ErrGone) {
		t.Errorf("from a version that is forgotten: %v", err)
	}
	s.Forbid("watch", true)
	err := c.Watch(t.Context(), kube.SecretPath("prod", "llm"), "", func(kube.Event) error { return nil })
	if !errors.Is(err, kube.ErrForbidden) || !strings.Contains(err.Error(), "resourceNames: [llm], verbs: [watch]") {
		t.Errorf("%v", err)
	}
}
