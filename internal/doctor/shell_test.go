package doctor

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAssignmentsOfAShell(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       []Assignment
	}{
		{"export in one", "export K=v\n", []Assignment{{Line: 1, Exported: true}}},
		{"without export", "# K=\nK=v\n", []Assignment{{Line: 2}}},
		{"exported later", "K='a b'\nexport J K\n", []Assignment{{Line: 1, Exported: true}}},
		{"exported in the same line", "K=v; export K\n", []Assignment{{Line: 1, Exported: true}}},
		{"another is exported", "K=v\nexport J\n", []Assignment{{Line: 1}}},
		{"declare -x", "declare -x K=v\ntypeset K=v", []Assignment{{Line: 1, Exported: true}, {Line: 2}}},
		{"set -a", "set -a\nK=v\nset +a\nK=w\n", []Assignment{{Line: 2, Exported: true}, {Line: 4}}},
		{"set -o allexport", "set -o allexport\nK=v\n", []Assignment{{Line: 2, Exported: true}}},
		{"fish", "set -gx K v\nset -g K v\n", []Assignment{{Line: 1, Exported: true}, {Line: 2}}},
		{"csh", "setenv K v\n", []Assignment{{Line: 1, Exported: true}}},
		{"empty", "export K=\nK=\"\"\n", []Assignment{{Line: 1, Exported: true, Empty: true}, {Line: 2, Empty: true}}},
		{"for one program alone", "K=v program\nenv K=v program\n", nil},
		{"inside a comment or quotes", "echo 'K=v' # K=v\n", nil},
		{"in the middle of a word", "XK=v\nKX=v\n", nil},
		{"a value with separators in quotes", "export K=\"a;b & c\"\n", []Assignment{{Line: 1, Exported: true}}},
		{"two on a line", "export J=1 K=2", []Assignment{{Line: 1, Exported: true}}},
	} {
		if got := assignments([]byte(c.text), "K"); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.rule, got, c.want)
		}
	}
}

func TestProfileLooksWhereShellsDo(t *testing.T) {
	root, home := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(home, ".bashrc"):                           "K=v\n",
		filepath.Join(home, ".config/fish/config.fish"):          "set -x K v\n",
		filepath.Join(home, ".config/environment.d/50-key.conf"): "K=v\n",
		filepath.Join(root, "etc/profile.d/key.sh"):              "export K=v\n",
		filepath.Join(root, "etc/environment"):                   "K=v\n",
		filepath.Join(root, "etc/shadow"):                        "K=v\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{}
	for _, a := range Profile(root, home, "K") {
		got[filepath.Base(a.File)] = a.Exported
	}
	want := map[string]bool{".bashrc": false, "config.fish": true, "50-key.conf": true, "key.sh": true, "environment": true}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(home, ".profile"), []byte("A=1 B=2\nset -gx C v\n# D=1\necho E\nF=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := Profiled(root, home, func(name string) bool { return name != "F" })
	if !slices.Equal(names, []string{"A", "B", "C", "K"}) {
		t.Errorf("names are %q", names)
	}
}

func TestWhoReadsAnEnvFile(t *testing.T) {
	for _, c := range []struct {
		rule, file, text string
		want             ShellFile
	}{
		{"nobody says", "app.env", "K=v\n", ShellFile{Line: 1}},
		{"a shell, by its name", "app.sh", "K=v\n", ShellFile{Sourced: true, Line: 1}},
		{"a shell, by what others are", "app.env", "J=1\nexport L=1\nK=v\n", ShellFile{Sourced: true, Line: 3}},
		{"a shell, by its first line", "app", "#!/bin/sh\nexport K=v\n", ShellFile{Sourced: true, Exported: true, Line: 2}},
	} {
		if got := ReadShellFile(c.file, []byte(c.text), "K"); got != c.want {
			t.Errorf("%s: got %+v", c.rule, got)
		}
	}
}

func TestOnlyPlainSettingsLeaveAFile(t *testing.T) {
	plain, _ := SettingNames("ANTHROPIC_API_KEY", nil)
	got := FileSettings([]byte("ANTHROPIC_API_KEY=CANARY\nANTHROPIC_AUTH_TOKEN=CANARY\nexport ANTHROPIC_BASE_URL=\"https://g\"\nOTHER=CANARY\nHTTPS_PROXY=\n"), plain)
	want := map[string]string{"ANTHROPIC_API_KEY": Set, "ANTHROPIC_AUTH_TOKEN": Set, "ANTHROPIC_BASE_URL": "https://g", "OTHER": Set, "HTTPS_PROXY": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestAddressesFollowTheKeysVariable(t *testing.T) {
	for variable, want := range map[string]string{"OPENAI_API_KEY": "OPENAI_BASE_URL", "VAULT_TOKEN": "VAULT_ADDR", "TEAM": "TEAM_URL"} {
		plain, _ := SettingNames(variable, []string{"VAULT_ADDR", "TEAM_URL"})
		if !slices.Contains(plain, want) {
			t.Errorf("%s: %v", variable, plain)
		}
	}
}

func TestPipelines(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want CI
	}{
		{map[string]string{}, CI{}},
		{map[string]string{"GITHUB_ACTIONS": "true"}, CI{Name: GitHubActions}},
		{map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}, CI{GitHubActions, "it runs for a pull request, and one from a fork gets no secrets"}},
		{map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "dependabot[bot]"}, CI{GitHubActions, "Dependabot started it, whose runs get Dependabot's secrets alone"}},
		{map[string]string{"GITLAB_CI": "true"}, CI{Name: GitLabCI}},
		{map[string]string{"GITLAB_CI": "true", "CI_COMMIT_REF_PROTECTED": "false"}, CI{GitLabCI, "the branch is not protected, and protected variables reach protected ones alone"}},
		{map[string]string{"GITLAB_CI": "true", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "me/app", "CI_MERGE_REQUEST_PROJECT_PATH": "us/app"}, CI{GitLabCI, "it runs for a merge request from a fork, which gets no variables of this project"}},
	} {
		if got := Pipeline(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: got %+v", c.env, got)
		}
	}
}

func FuzzAssignments(f *testing.F) {
	f.Add([]byte("export K='a' ; set -a\nK=\"x"))
	f.Add([]byte("set -gx K v # K=v & | K="))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := strings.Clone(string(text))
		for _, a := range assignments(text, "K") {
			if a.Line < 1 || a.Line > strings.Count(before, "\n")+1 {
				t.Errorf("line %d", a.Line)
			}
		}
		if string(text) != before {
			t.Error("the text was changed")
		}
	})
}
