package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/fakeissuer"
)

// Each way to spoil a key that the linter knows is a cause of its own, and nothing that is
// printed of it has the key inside.
func TestASpoiledKeyIsDiagnosedAndNeverShown(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	canary := fakeissuer.NewAnthropicKey()
	for _, c := range []struct {
		want  doctor.Name
		value string
		file  bool // an env file can have it, too
	}{
		{"trailing_newline", canary + "\n", false},
		{"crlf", canary + "\r\n", false},
		{"blanks", canary + "  ", false},
		{"bom", "\ufeff" + canary, true},
		{"quotes", "'" + canary + "'", false},
		{"zero_width", canary[:20] + "\u200b" + canary[20:], true},
		{"bearer_prefix", "Bearer " + canary, true},
		{"export_prefix", "export ANTHROPIC_API_KEY=" + canary, true},
		{"name_prefix", "ANTHROPIC_API_KEY=" + canary, true},
		{"unexpanded_variable", "${" + strings.ReplaceAll(canary, "-", "_") + "}", true},
		{"placeholder", canary[:30] + "...", true},
		{doctor.Truncated, canary[:60], true},
		{"doubled", canary + canary, true},
		{"malformed", canary[:20] + " " + canary[20:], true},
		{doctor.OtherIssuer, "sk-proj-" + canary[13:], true},
		{doctor.WrongClass, "sk-ant-admin01-" + canary[13:], true},
		{doctor.WrongClass, "sk-ant-oat01-" + canary[13:], true},
		{doctor.WrongClass, "sk-ant-ort01-" + canary[13:], true},
	} {
		file := filepath.Join(home, "app.env")
		if err := os.WriteFile(file, []byte("ANTHROPIC_API_KEY="+c.value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		places := [][]string{{"--env"}}
		if c.file {
			places = append(places, []string{"--env-file", file})
		}
		for _, place := range places {
			t.Run(string(c.want)+" "+place[0], func(t *testing.T) {
				t.Setenv("ANTHROPIC_API_KEY", c.value)
				var out, err strings.Builder
				args := append([]string{"doctor", "ANTHROPIC_API_KEY", "--offline", "--all"}, place...)
				execute(t.Context(), args, strings.NewReader(""), &out, &err)
				if !strings.Contains(out.String(), "("+string(c.want)+")") {
					t.Errorf("%s%s", out.String(), err.String())
				}
				var report strings.Builder
				execute(t.Context(), append(args, "--output", "json"), strings.NewReader(""), &report, &err)
				var got doctor.Report
				if err := json.Unmarshal([]byte(report.String()), &got); err != nil || len(got.Keys) != 1 {
					t.Fatalf("%v: %s", err, report.String())
				}
				if first, _ := got.Keys[0].First(); first.Cause != c.want {
					t.Errorf("first is %s", first.Cause)
				}
				hasNothingOf(t, canary[13:], out.String()+err.String()+report.String())
			})
		}
	}
}

// hasNothingOf looks for any twelve bytes of a value in a row, as they are and encoded.
func hasNothingOf(t *testing.T, value, text string) {
	t.Helper()
	const run = 12
	for i := 0; i+run <= len(value); i++ {
		piece := value[i : i+run]
		for _, form := range []string{piece, strings.ToUpper(piece), url.QueryEscape(piece), strings.ReplaceAll(piece, "-", "_")} {
			if strings.Contains(text, form) {
				t.Fatalf("a piece of the key was printed at byte %d of it", i)
			}
		}
	}
	if strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(value))[:run]) {
		t.Fatal("the key was printed in base64")
	}
}
