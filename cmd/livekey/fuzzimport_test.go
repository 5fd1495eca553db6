package main

import (
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/migrate"
)

// Whatever import reads, what it makes is YAML, and each key and sink has a name of its own.
func FuzzImport(f *testing.F) {
	f.Add("vault { address = \"https://v\" vault_agent_token_file = \"/t\" }\ntemplate { destination = \"/a.env\" perms = 0640 contents = \"{{ with secret \\\"kv/a\\\" }}OPENAI_API_KEY={{ .Data.f }}{{ end }}\" }\n" +
		"template { destination = \"/b/a.env\" contents = \"{{ with secret \\\"kv/b\\\" }}OPENAI_API_KEY={{ .Data.f }}{{ end }}\" command = \"systemctl restart a\" }")
	f.Add(`auto_auth { method "jwt" { config { role = "a" path = "/t" } } } env_template "K" { contents = "{{ with secret \"kv/a\" }}{{ .Data.f | trimSpace }}{{ end }}" }`)
	f.Add(`secret { path = "kv/app" format = "A_{{ key }}" key { name = "f" } }`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := migrate.Read([]byte(text), migrate.Options{Run: "/run/livekey"})
		if err != nil {
			return
		}
		c := imported(&r)
		if len(c.Keys) == 0 {
			return
		}
		c.Tail = leftLines(r)
		_, err = config.Read("livekey.yaml", []byte(c.String()), kinds())
		if err == nil {
			return
		}
		for _, bad := range []string{"YAML", "twice", "duplicate", "unknown", "empty"} {
			if strings.Contains(err.Error(), bad) {
				t.Errorf("%v\n%s", err, c.String())
			}
		}
	})
}
