package reload

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/systemd"
)

var change = Change{
	Sink: "app", Path: "/run/app.env", Keys: []key.Name{"A", "B"}, Reason: Changed,
	Prints: []key.Fingerprint{key.Fingerprint(strings.Repeat("ab", 32)), ""}, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAProgramLearnsNamesAndFingerprints(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := Program{Command: command.Command{Argv: []string{script(t, `env | sort > "$1"`), out}, Timeout: 10 * time.Second}}
	if result, err := p.Reload(t.Context(), change); err != nil || result != "ran" {
		t.Fatalf("%q, %v", result, err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"LIVEKEY_SINK=app\n", "LIVEKEY_PATH=/run/app.env\n", "LIVEKEY_KEYS=A B\n", "LIVEKEY_FINGERPRINTS=abababababab -\n", "LIVEKEY_REASON=changed\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAProgramThatEndsOtherwiseDidNotTell(t *testing.T) {
	for name, c := range map[string]struct {
		argv   []string
		want   string
		untold bool
	}{
		"exit code":      {[]string{script(t, "echo no such service >&2; exit 3")}, "code 3: no such service", false},
		"too long":       {[]string{script(t, "sleep 60")}, "did not end within 300ms", false},
		"not there":      {[]string{"/nonexistent/hook"}, "no such file", true},
		"not trusted":    {[]string{"/proc/self/exe/x"}, "", true},
		"no program":     {[]string{t.TempDir()}, "", true},
		"with arguments": {[]string{script(t, `exit "$1"`), "4"}, "code 4", false},
	} {
		p := Program{Command: command.Command{Argv: c.argv, Timeout: 300 * time.Millisecond}}
		_, err := p.Reload(t.Context(), change)
		if err == nil || errors.Is(err, ErrUnasked) != c.untold || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAHookIsCalledWithWhatChanged(t *testing.T) {
	const token = "canarytoken0123456789"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := http.StatusNoContent
	var body []byte
	var header http.Header
	var method string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header, method = r.Header, r.Method
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer server.Close()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := Hook{URL: server.URL + "/services/" + token, Method: http.MethodPut, TokenFile: file, Timeout: 10 * time.Second, HTTP: client}
	if result, err := h.Reload(t.Context(), change); err != nil || result != "called" {
		t.Fatalf("%q, %v", result, err)
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(got)
	const want = `{"keys":[{"fingerprint":"abababababab","name":"A"},{"name":"B"}],"path":"/run/app.env","reason":"changed","sink":"app","timestamp":"2026-01-02T03:04:05Z","type":"livekey.sink.changed"}`
	if string(again) != want || method != http.MethodPut || header.Get("Authorization") != "Bearer "+token {
		t.Errorf("%s with %s and %v", method, again, header.Get("Content-Type"))
	}
	for _, status = range []int{http.StatusFound, http.StatusForbidden, http.StatusInternalServerError} {
		_, err := h.Reload(t.Context(), change)
		if err == nil || errors.Is(err, ErrUnasked) || strings.Contains(err.Error(), token) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	server.Close()
	if _, err := h.Reload(t.Context(), change); !errors.Is(err, ErrUnasked) || strings.Contains(err.Error(), token) {
		t.Errorf("nobody there: %v", err)
	}
	h.TokenFile = "/nonexistent"
	if _, err := h.Reload(t.Context(), change); !errors.Is(err, ErrUnasked) {
		t.Errorf("no token: %v", err)
	}
	if strings.Contains(h.Name(), token) {
		t.Errorf("its name is %s", h.Name())
	}
}

func TestWhatAUnitIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		action  config.UnitAction
		rereads bool
		want    systemd.Verb
	}{
		{"", false, systemd.TryRestart}, // a reload reads no EnvironmentFile= again
		{"", true, systemd.Reload},
		{config.UnitRestart, true, systemd.TryRestart},
		{config.UnitReload, false, systemd.Reload},
		{config.UnitReloadOrRestart, false, systemd.ReloadOrTryRestart},
	} {
		if got := Verb(c.action, c.rereads); got != c.want {
			t.Errorf("%q, %t: %s, want %s", c.action, c.rereads, got, c.want)
		}
	}
}
