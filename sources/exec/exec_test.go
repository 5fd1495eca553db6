package exec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/sourcetest"
	"github.com/livekey/livekey/test/need"
)

const canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"

func open(t testing.TB, settings string, args ...any) (sources.Source, error) {
	t.Helper()
	node, err := config.Parse("livekey.yaml", "sources.tool", fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(sources.Env{Name: "tool"}, node)
}

func mustOpen(t testing.TB, settings string, args ...any) sources.Source {
	t.Helper()
	src, err := open(t, settings, args...)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func at(path string) key.Location { return key.Location{Source: "tool", Path: path} }

// store is a backend: a folder with one file a record, and a program that reads it.
type store struct{ dir string }

func (s store) path(name string) string { return filepath.Join(s.dir, name) }

func (s store) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(s.path("new"), data, 0o600), os.Rename(s.path("new"), s.path(name))); err != nil {
		t.Fatal(err)
	}
}

// example is a program of the page, reading this store.
func example(t testing.TB, language, dir string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/exec.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```" + language + "\n(#!.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatalf("docs/exec.md has no program in %s", language)
	}
	if n := bytes.Count(block[1], []byte("\n")); n > 12 {
		t.Errorf("the example has %d lines", n)
	}
	program := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(program, bytes.ReplaceAll(block[1], []byte("/etc/keys"), []byte(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return program
}

// tool prints what is stored, as `pass show` does. Where nothing is it prints nothing.
const tool = `[/bin/sh, -c, 'f=$1/$2; [ ! -d "$f" ] || { cat "$f/text" >&2; exit 3; }; [ ! -e "$f" ] || cat "$f"', tool, %q, "{path}"]`

func harness(t *testing.T, settings func(s store) string) sourcetest.Harness {
	s := store{t.TempDir()}
	return sourcetest.Harness{
		Open:     func(t *testing.T) sources.Source { return mustOpen(t, "%s", settings(s)) },
		Location: at,
		Put:      s.put,
		Delete: func(t *testing.T, name string) {
			if err := os.Remove(s.path(name)); err != nil {
				t.Fatal(err)
			}
		},
		Faults: map[string]func(t *testing.T, canary []byte) key.Location{
			"a program that fails and prints the record as an error": func(t *testing.T, canary []byte) key.Location {
				if err := errors.Join(os.Mkdir(s.path("FAILS"), 0o700), os.WriteFile(s.path("FAILS/text"), canary, 0o600)); err != nil {
					t.Fatal(err)
				}
				return at("FAILS")
			},
		},
	}
}

func TestConformance(t *testing.T) {
	t.Run("raw", func(t *testing.T) {
		sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
			return harness(t, func(s store) string { return fmt.Sprintf("protocol: raw\ncommand: "+tool, s.dir) })
		})
	})
	t.Run("the shell program of the page", func(t *testing.T) {
		sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
			h := harness(t, func(s store) string { return fmt.Sprintf("command: [/bin/sh, %q]", example(t, "sh", s.dir)) })
			h.Faults = nil
			return h
		})
	})
}

func TestThePythonProgramOfThePage(t *testing.T) {
	need.All(t, "the plug-in of docs/exec.md works", need.Program("python3"))
	s := store{t.TempDir()}
	s.put(t, "prod", []byte(canary+"\n"))
	src := mustOpen(t, "command: [/usr/bin/python3, %q]", example(t, "python", s.dir))
	got, err := src.Fetch(t.Context(), at("prod"))
	if err != nil || string(got.Data.Reveal()) != canary+"\n" || got.Created.IsZero() {
		t.Errorf("err %v, created %s", err, got.Created)
	}
	if _, err := src.Fetch(t.Context(), at("none")); !errors.Is(err, key.ErrNotFound) {
		t.Errorf("err %v, want not found", err)
	}
}

func TestAProgramGetsTheRequest(t *testing.T) {
	src := mustOpen(t, "params: [stage]\ncommand: [/bin/sh, -c, 'cat >%s/request; echo %q']", t.TempDir(), "")
	file := src.(*Source).command.Argv[2]
	file = strings.TrimPrefix(strings.SplitN(file, ";", 2)[0], "cat >")
	_, _ = src.Fetch(t.Context(), key.Location{Source: "tool", Path: `a/<b>"c`, Version: "3", Params: "stage=new&format=json"})
	got, err := os.ReadFile(file)
	want := `{"apiVersion":"livekey.dev/v1","path":"a/<b>\"c","version":"3","params":{"stage":"new"}}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("%v: got %s want %s", err, got, want)
	}
}

func TestAPathIsOneArgument(t *testing.T) {
	src := mustOpen(t, "protocol: raw\ncommand: [/bin/echo, -n, 'op://{path}', '{path}']")
	got, err := src.Fetch(t.Context(), at("a b/$(id);c"))
	if err != nil || string(got.Data.Reveal()) != "op://a b/$(id);c a b/$(id);c" {
		t.Errorf("err %v, %q", err, got.Data.Reveal())
	}
}

func TestHostilePrograms(t *testing.T) {
	const live = `{"apiVersion":"livekey.dev/v1","value":"` + canary + `"}`
	for _, c := range []struct{ rule, script, says string }{
		{"one that hangs", "trap '' TERM; while :; do sleep 1; done", "did not end within 200ms"},
		{"one that prints for ever", "exec cat /dev/zero", "more than 1048576 bytes"},
		{"one whose child keeps the output open", "sleep 30 & echo '" + live + "'", ""},
		{"one that answers and fails", "echo '" + live + "'; echo '" + canary + "' >&2; exit 1", "exit code 1"},
		{"one that prints a page", "echo '<html>" + canary + "</html>'", "not what docs/exec.md says"},
		{"one that says nothing", "exit 0", "not what docs/exec.md says"},
		{"one that fails with nothing to say", "exit 7", "exit code 7 and said nothing"},
		{"one that prints the value as an error", "echo '" + canary + "' >&2; exit 1", "exit code 1: ***"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if strings.Contains(c.says, "within") {
				timeout = "200ms"
			}
			src := mustOpen(t, "timeout: %s\ncommand: [/bin/sh, -c, %q]", timeout, c.script)
			got, err := src.Fetch(t.Context(), at("a"))
			if c.says == "" {
				if err != nil || string(got.Data.Reveal()) != canary {
					t.Errorf("err %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary[3:11]) || errors.Is(err, key.ErrNotFound) {
				t.Errorf("err %v, want %q", err, c.says)
			}
		})
	}
}

func TestLint(t *testing.T) {
	spoken := mustOpen(t, "params: [stage]\ncommand: [/bin/true]").(sources.Linter)
	raw := mustOpen(t, "protocol: raw\ncommand: [/bin/true, '{path}']").(sources.Linter)
	inside := mustOpen(t, "protocol: raw\ncommand: [/bin/true, 'op://{path}']").(sources.Linter)
	for _, c := range []struct {
		rule   string
		linter sources.Linter
		loc    key.Location
		want   string
	}{
		{"a plug-in may take any path", spoken, at("-x"), ""},
		{"and versions", spoken, key.Location{Path: "a", Version: "3"}, ""},
		{"and the parameters it knows", spoken, key.Location{Path: "a", Params: "stage=new"}, ""},
		{"others are refused", spoken, key.Location{Path: "a", Params: "stgae=new"}, `"stgae"`},
		{"a tool has no versions", raw, key.Location{Path: "a", Version: "3"}, "no versions"},
		{"a path that a tool takes for an option is refused", raw, at("--help"), "option"},
		{"inside of an argument it is no option", inside, at("--help"), ""},
		{"a path that the command needs is required", inside, at(""), "missing"},
		{"no argument holds a NUL", raw, at("a\x00"), "NUL"},
	} {
		err := c.linter.Lint(key.Ref{Location: c.loc})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"a command is required", "{}", "command: must be a list"},
		{"by its absolute path", "command: [op, read]", "absolute path"},
		{"which no location chooses", "command: ['/usr/bin/{path}']", "said here alone"},
		{"a protocol is known", "command: [/bin/true]\nprotocol: xml", "protocol: must be"},
		{"a tool takes no parameters", "command: [/bin/true]\nprotocol: raw\nparams: [stage]", "params: only"},
		{"a variable has no value here", "command: [/bin/true]\nenv: ['A=b']", "env: env must list"},
		{"a timeout is within the engine's", "command: [/bin/true]\ntimeout: 21s", "timeout: must be"},
		{"and more than nothing", "command: [/bin/true]\ntimeout: 0s", "timeout: must be"},
		{"refresh is more than nothing", "command: [/bin/true]\nrefresh: 0s", "refresh: must be"},
		{"an unknown field is refused", "command: [/bin/true]\nshell: true", "shell"},
	} {
		if _, err := open(t, "%s", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
	if got := mustOpen(t, "command: [/bin/true]").(sources.Pacer).Refresh(); got != 5*time.Minute {
		t.Errorf("refresh %s", got)
	}
}
