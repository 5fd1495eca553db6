package execchannel

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
)

func open(t testing.TB, settings string, args ...any) (alerts.Channel, error) {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.hook", fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(alerts.Env{Name: "hook"}, node)
}

func mustOpen(t testing.TB, settings string, args ...any) alerts.Channel {
	t.Helper()
	c, err := open(t, settings, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The program of the tests leaves a file for each alert, named by its event.
const keeps = `command: [/bin/sh, -c, '[ ! -e "$1/broken" ] || { cat "$1/broken" >&2; exit 1; }; exec cat >"$1/$LIVEKEY_EVENT_ID"', hook, %q]`

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t testing.TB) alerttest.Harness {
		dir := t.TempDir()
		broken := filepath.Join(dir, "broken")
		return alerttest.Harness{
			Open: func(t testing.TB) alerts.Channel { return mustOpen(t, keeps, dir) },
			Received: func(t testing.TB) (got []alerttest.Message) {
				files, err := filepath.Glob(dir + "/msg_*")
				for _, file := range files {
					text, errRead := os.ReadFile(file)
					err = errors.Join(err, errRead, os.Remove(file))
					got = append(got, alerttest.Message{ID: filepath.Base(file), Text: string(text)})
				}
				if err != nil {
					t.Fatal(err)
				}
				return got
			},
			Fault: func(t testing.TB) func() {
				if err := os.WriteFile(broken, []byte("cannot log in with sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return func() { _ = os.Remove(broken) }
			},
			Credential: "sk-canary-7fQ2xLw9",
		}
	})
}

func TestAProgramGetsTheAlert(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LIVEKEY_TEST_TOKEN", "handed on")
	t.Setenv("LIVEKEY_TEST_OTHER", "not handed on")
	c := mustOpen(t, `{env: [LIVEKEY_TEST_TOKEN], command: [/bin/sh, -c, 'cat >"$1/alert"; env | grep ^LIVEKEY_ | sort >"$1/env"', hook, %q]}`, dir)
	a := alerttest.Sample()
	a.Data.Summary = "two\nlines\x00"
	if err := c.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/alert")
	var got alerts.Alert
	if err = errors.Join(err, json.Unmarshal(text, &got)); err != nil || got.Data.ID != a.Data.ID || got.Data.Summary != a.Data.Summary {
		t.Errorf("%v: got %s", err, text)
	}
	env, err := os.ReadFile(dir + "/env")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"LIVEKEY_CAUSE=key_dead", "LIVEKEY_EVENT=opened", "LIVEKEY_EVENT_ID=" + alerts.EventID(a), "LIVEKEY_ID=al_0123456789abcdef",
		"LIVEKEY_KEY=ANTHROPIC_API_KEY", "LIVEKEY_PROVIDER=anthropic", "LIVEKEY_SEVERITY=critical", "LIVEKEY_SINCE=2026-11-23T22:25:16Z",
		"LIVEKEY_SUMMARY=two lines", "LIVEKEY_TEST_TOKEN=handed on",
	}
	if got := strings.Split(strings.TrimSpace(string(env)), "\n"); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		script  string
		says    string
		refused bool
	}{
		{"exit 0", "", false},
		{"echo 'no such queue' >&2; exit 100", "exit code 100: no such queue", true},
		{"exit 1", "exit code 1 and said nothing about it", false},
		{"exit 111", "exit code 111", false},
		{"kill -KILL $$", "exit code 137", false},
	} {
		err := mustOpen(t, "command: [/bin/sh, -c, %q]", c.script).Send(t.Context(), alerttest.Sample())
		if (err == nil) != (c.says == "") || errors.Is(err, alerts.ErrRefused) != c.refused || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err %v", c.script, err)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"a command is required", "{}", "command: must be a list"},
		{"by its absolute path", "command: [notify]", "absolute path"},
		{"a variable has no value here", "command: [/bin/true]\nenv: ['A=b']", "env: env must list"},
		{"a timeout is within the engine's", "command: [/bin/true]\ntimeout: 30s", "timeout: must be"},
	} {
		if _, err := open(t, "%s", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
}
