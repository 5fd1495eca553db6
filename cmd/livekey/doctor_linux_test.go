package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	mine   = "glsa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_0a1b2c3d"
	theirs = "glsa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb_0a1b2c3d"
)

// listener is an address that remembers which tokens came.
type listener struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent = append(l.sent, r.Header.Get("Authorization"))
	}))
	t.Cleanup(l.Close)
	return l
}

// heard says whether a call came with this token; of "", whether any came.
func (l *listener) heard(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.sent, func(header string) bool { return strings.Contains(header, token) })
}

// diagnosed is what doctor prints, in a home without a config.
func diagnosed(t *testing.T, args ...string) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	var out, err strings.Builder
	execute(t.Context(), append([]string{"doctor"}, args...), strings.NewReader(""), &out, &err)
	return out.String() + err.String()
}

// What a process was started with names no address for the caller's own key: whoever started
// it would be sent that key, or be asked with it by who pastes a command.
func TestAProcessSaysNotWhereTheCallersKeyGoes(t *testing.T) {
	away := newListener(t)
	process := exec.CommandContext(t.Context(), "sleep", "60")
	process.Env = []string{"GRAFANA_TOKEN=" + theirs, "GRAFANA_URL=" + away.URL}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	pid := strconv.Itoa(process.Process.Pid)
	for name, own := range map[string]bool{"without an address of his own": false, "with one": true} {
		t.Run(name, func(t *testing.T) {
			home := newListener(t)
			t.Setenv("GRAFANA_TOKEN", mine)
			t.Setenv("GRAFANA_URL", "")
			if own {
				t.Setenv("GRAFANA_URL", home.URL)
			}
			said := diagnosed(t, "--pid", pid, "--all")
			if away.heard("") || home.heard(theirs) {
				t.Errorf("asked where the process says, or with its token: %s", said)
			}
			if home.heard(mine) != own {
				t.Errorf("the caller's own address has heard nothing: %s", said)
			}
			if !strings.Contains(said, "GRAFANA_TOKEN in process "+pid) || strings.Contains(said, "curl") && strings.Contains(said, away.URL+"/api") {
				t.Errorf("got %s", said)
			}
		})
	}
}

// A key of a file goes where the file says, and not where the environment of whoever asks does.
func TestTheEnvironmentSaysNotWhereAKeyOfAFileGoes(t *testing.T) {
	here, there := newListener(t), newListener(t)
	t.Setenv("GRAFANA_URL", here.URL)
	file := filepath.Join(t.TempDir(), "app.env")
	for _, c := range []struct {
		text string
		sent bool
	}{
		{"GRAFANA_TOKEN=" + mine + "\n", false},
		{"GRAFANA_URL=" + there.URL + "\nGRAFANA_TOKEN=" + mine + "\n", true},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		said := diagnosed(t, "--env-file", file)
		if here.heard(mine) || there.heard(mine) != c.sent {
			t.Errorf("sent here %t, there %t: %s", here.heard(mine), there.heard(mine), said)
		}
	}
}
