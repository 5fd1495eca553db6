package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/draft"
)

// inTemplate is a Vault Agent config with one template.
func inTemplate(contents string) string {
	return "auto_auth {}\ntemplate {\n destination = \"/etc/app/app.env\"\n contents = <<EOT\n" + contents + "\nEOT\n}\n"
}

func read(t *testing.T, text string) Result {
	t.Helper()
	r, err := Read([]byte(text), Options{Run: "/run/livekey"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is what became of variables, one each: NAME reference filters.
func said(r Result) string {
	var all []string
	for _, v := range r.Variables {
		text := v.Name + " " + config.FormatRef(v.Ref)
		if v.Trim {
			text += " trim"
		}
		if v.Base64 {
			text += " base64"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestWhatIsReadOfATemplate(t *testing.T) {
	for _, c := range []struct{ rule, contents, want string }{
		{"a field of KV version 2", `{{ with secret "secret/data/a/b" }}K={{ .Data.data.f }}{{ end }}`, "K vault://secret/a/b#f"},
		{"a field of KV version 1", `{{ with secret "kv/a" }}K={{ .Data.f }}{{ end }}`, "K vault://kv/a#f"},
		{"several, with export and quotes", "{{ with secret \"kv/a\" }}export K=\"{{ .Data.f }}\"\nL='{{ .Data.g }}'\n{{ end }}", "K vault://kv/a#f; L vault://kv/a#g"},
		{"a field that no dot leads to", `{{ with secret "kv/a" }}K={{ index .Data "f-g" }}{{ end }}`, "K vault://kv/a#f-g"},
		{"a field inside of a field", `{{ with secret "secret/data/a" }}K={{ .Data.data.f.g }}{{ end }}`, "K vault://secret/a#/f/g"},
		{"a secret that has a name", `{{ with $s := secret "kv/a" }}{{ with secret "kv/b" }}K={{ $s.Data.f }}{{ end }}{{ end }}`, "K vault://kv/a#f"},
		{"a secret without with", `K={{ (secret "secret/data/a").Data.data.f }}`, "K vault://secret/a#f"},
		{"a version", `{{ with secret "secret/data/a?version=3" }}K={{ .Data.data.f }}{{ end }}`, "K vault://secret/a?version=3#f"},
		{"filters that livekey has", `{{ with secret "kv/a" }}K={{ .Data.f | trimSpace | base64Decode }}{{ end }}`, "K vault://kv/a#f trim base64"},
		{"blanks that an action eats", "{{- with secret `kv/a` -}}\n  K={{ .Data.f -}}\n\n{{- end -}}", "K vault://kv/a#f"},
		{"a value that they bring to its name", "K=\n{{- with secret `kv/a` -}}\n{{ .Data.f }}{{ end }}", "K vault://kv/a#f"},
		{"a value that is left on another line", "K=\n{{ with secret `kv/a` }}{{ .Data.f }}{{ end }}", ""},
		{"a comment is nothing", "# K=\n{{/* L= */}}{{ with secret \"kv/a\" }}K={{ .Data.f }}{{ end }}", "K vault://kv/a#f"},

		{"another filter", `{{ with secret "kv/a" }}K={{ .Data.f | toJSON }}{{ end }}`, ""},
		{"a text around the value", `{{ with secret "kv/a" }}K=x{{ .Data.f }}{{ end }}`, ""},
		{"a text behind the value", `{{ with secret "kv/a" }}K={{ .Data.f }}x{{ end }}`, ""},
		{"two values in a line", `{{ with secret "kv/a" }}K={{ .Data.f }}{{ .Data.g }}{{ end }}`, ""},
		{"a quote that is open", `{{ with secret "kv/a" }}K="{{ .Data.f }}{{ end }}`, ""},
		{"what is there only sometimes", `{{ with secret "kv/a" }}{{ if .Data.x }}K={{ .Data.f }}{{ end }}{{ end }}`, ""},
		{"all fields at once", `{{ with secret "kv/a" }}{{ range $k, $v := .Data }}{{ $k }}={{ $v }}{{ end }}{{ end }}`, ""},
		{"a secret with parameters", `{{ with secret "pki/issue/a" "common_name=b" }}K={{ .Data.f }}{{ end }}`, ""},
		{"Consul", `K={{ key "a" }}`, ""},
		{"another parameter of a path", `{{ with secret "kv/a?x=1" }}K={{ .Data.f }}{{ end }}`, ""},
		{"an action without an end", `{{ with secret "kv/a" }}K={{ .Data.f`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := read(t, inTemplate(c.contents))
			if got := said(r); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.want == "" && !slices.ContainsFunc(r.Left, func(l Left) bool { return l.Line >= 4 || strings.HasPrefix(l.What, "template") || l.What == "K" }) {
				t.Errorf("nothing says why: %+v", r.Left)
			}
		})
	}
}

func TestWhereSomethingWasLeftOut(t *testing.T) {
	r := read(t, `auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "/r"
    }
  }
}
vault {
  tls_skip_verify = true
  retry { num_retries = 3 }
  surprise = 1
}
template {
  destination = "/etc/app/app.env"
  contents = <<EOT
{{ with secret "kv/a" }}K={{ .Data.f }}
L={{ .Data.g | toJSON }}
M=text
{{ end }}
EOT
  perms = "0644"
  command = "sh -c 'kill -HUP 1'"
  backup = true
}
`)
	var got []string
	for _, l := range r.Left {
		got = append(got, fmt.Sprintf("%d %s", l.Line, l.What))
	}
	want := []string{
		"3 auto_auth.method.config.remove_secret_id_file_after_reading", "9 vault.tls_skip_verify", "10 vault.retry", "11 vault.surprise",
		"13 template: M", "13 template", "17 template", "21 template.perms", "22 template.command", "23 template.backup",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestHowATokenIsGot(t *testing.T) {
	agent := func(method string) string { return "auto_auth {\n method " + method + "\n}\n" }
	for _, c := range []struct{ rule, text, want string }{
		{"AppRole, mounted elsewhere", agent(`"approle" { mount_path = "auth/team" config = { role_id_file_path = "/r" secret_id_file_path = "/s" } }`), "{method: approle, mount: team, role_id_file: /r, secret_id_file: /s}"},
		{"a wrapped secret id", agent(`"approle" { config = { role_id_file_path = "/r" secret_id_file_path = "/s" secret_id_response_wrapping_path = "x" } }`), "{method: approle, role_id_file: /r, secret_id_file: /s, secret_id_wrapped: true}"},
		{"Kubernetes", agent(`{ type = "kubernetes" config = { role = "app" } }`), "{method: kubernetes, role: app}"},
		{"JWT", agent(`"jwt" { config = { role = "app" path = "/t" } }`), "{method: jwt, role: app, token_file: /t}"},
		{"a certificate", agent(`"cert" { config = { name = "app" client_cert = "/c" client_key = "/k" } }`), "{method: cert, role: app}"},
		{"a token's file", agent(`"token_file" { config = { token_file_path = "/t" } }`), "{method: token, token_file: /t}"},
		{"what livekey does not know", agent(`"aws" { config = { type = "iam" } }`), ""},
		{"of consul-template, the agent's", `vault { vault_agent_token_file = "/t" }`, "{method: token, token_file: /t, renew: false}"},
		{"of consul-template, Kubernetes", `vault { k8s_auth_role_name = "app" k8s_service_mount_path = "k" }`, "{method: kubernetes, role: app, mount: k}"},
		{"of consul-template, a token that nobody keeps in a config", `vault { token = "hvs.CANARY" }`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := read(t, c.text)
			e := draft.Add(&r.Sources, draft.Entry{Name: "vault"})
			got := ""
			for _, f := range e.Fields {
				if f.Name == "auth" {
					got = string(f.Value)
				}
			}
			if got != c.want || e.Has("environment") == (c.want != "") {
				t.Errorf("got %q in %+v, want %q", got, e.Fields, c.want)
			}
		})
	}
}

func TestWhoIsTold(t *testing.T) {
	for command, want := range map[string]string{
		`"systemctl reload nginx"`:                  "{systemd: nginx.service, action: reload}",
		`["systemctl", "try-restart", "a.service"]`: "{systemd: a.service}",
		`"/usr/local/bin/reload app"`:               "{exec: [/usr/local/bin/reload, app]}",
		`"systemctl daemon-reload"`:                 "",
		`"pkill -HUP nginx"`:                        "",
		`"/bin/sh -c true"`:                         "",
		`"/usr/sbin/nginx -s reload"`:               `{exec: [/usr/sbin/nginx, "-s", reload]}`,
		`"/bin/kill -HUP 1"`:                        `{exec: [/bin/kill, "-HUP", "1"]}`,
		`"/bin/x $HOME"`:                            "",
		`"/bin/x --password letters"`:               "",
		`"/bin/x A1b2C3d4E5"`:                       "",
		`"sudo systemctl restart a"`:                "",
	} {
		r := read(t, strings.Replace(inTemplate(`{{ with secret "kv/a" }}K={{ .Data.f }}{{ end }}`), "template {", "template {\n command = "+command, 1))
		got := ""
		for _, f := range r.Sinks[0].Fields {
			if f.Name == "on_change" {
				got = string(f.Value)
			}
		}
		left := slices.ContainsFunc(r.Left, func(l Left) bool { return l.What == "template.command" })
		if got != want || left != (want == "") {
			t.Errorf("%s: got %q, left out %t, want %q", command, got, left, want)
		}
	}
}

func TestWhatEnvconsulExports(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"the secret's path leads the name", `secret { path = "kv/app" key { name = "f" } }`, "kv_app_f vault://kv/app#f"},
		{"not with no_prefix", `secret { path = "secret/data/app" no_prefix = true key { name = "f" } }`, "f vault://secret/app#f"},
		{"in capitals", "upcase = true\n" + `secret { path = "kv/app" no_prefix = true key { name = "f" } }`, "F vault://kv/app#f"},
		{"as format says", `secret { path = "kv/app" no_prefix = true format = "A_{{ key }}" key { name = "f" } key { name = "g" format = "B" } }`, "A_f vault://kv/app#f; B vault://kv/app#g"},
		{"fields that the caller names", `secret { path = "kv/app" no_prefix = true }`, "K vault://kv/app#K"},
		{"no field is guessed for two secrets", "secret { path = \"kv/a\" }\nsecret { path = \"kv/b\" }", ""},
		{"a format that calls something", `secret { path = "kv/app" format = "{{ key | toUpper }}" key { name = "f" } }`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, err := Read([]byte(c.text), Options{Fields: []string{"K"}})
			if got := said(r); err != nil || r.Tool != Envconsul || got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoConfig(t *testing.T) {
	for rule, text := range map[string]string{
		"no HCL": "vault { token = \"CANARY", "JSON": `{"vault": {"token": "CANARY"}}`, "another tool's": `job "CANARY" {}`, "empty": "",
		"nested too deep": strings.Repeat("a {", 200), "nested too deep, with brackets that close nothing": strings.Repeat("a { # }\n", 200) + strings.Repeat("}\n", 200),
		"too long": strings.Repeat(" ", MaxSize+1),
	} {
		_, err := Read([]byte(text), Options{})
		deep := strings.HasPrefix(rule, "nested")
		if err == nil || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "deep") != deep {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// CANARY stands wherever a config may have a value.
func TestNoValueIsTakenOver(t *testing.T) {
	text := strings.ReplaceAll(`vault { token = "CANARY" address = "https://u:CANARY@vault" }
consul { token = "CANARY" }
CANARY = 1
template {
  destination = "/etc/app/app.env"
  contents = <<EOT
{{ with secret "kv/a" }}K={{ .Data.f }}
L=CANARY
CANARY
{{ "CANARY" }}
M={{ .Data.f | replaceAll "CANARY" "" }}
{{ end }}
EOT
  command = "/bin/app --token=CANARY"
  perms = "CANARY"
  user = "CANARY"
}
template {
  destination = "/etc/app/b.env"
  contents = "{{ with secret ~kv/a~ }}K={{ .Data.f }}{{ end }}"
  command = "/usr/bin/curl -uadmin:CANARY"
}
exec { command = "TOKEN=CANARY app CANARY" env { custom = ["K=CANARY"] } }
`, "~", "`")
	r := read(t, text)
	r.Command = r.Command[:1] // nobody shows more
	if got := fmt.Sprintf("%+v", r); strings.Contains(got, "CANARY") || said(r) == "" {
		t.Error(got)
	}
}

// Ten thousand files of one name take no time to name: the test would not end otherwise.
func TestManyFilesOfOneName(t *testing.T) {
	const one = "template {\ndestination = \"/a\"\ncontents = \"{{with secret `a/b`}}A={{.Data.x}}{{end}}\"\n}\n"
	r := read(t, strings.Repeat(one, 10_000))
	if len(r.Sinks) != 10_000 || r.Sinks[0].Name != "a" || r.Sinks[1].Name != "a_2" || r.Sinks[9_999].Name != "a_10000" {
		t.Errorf("%d sinks, the last is %s", len(r.Sinks), r.Sinks[len(r.Sinks)-1].Name)
	}
}

// Whatever is read: it ends, it does not panic, and each of its sinks has a variable.
func FuzzRead(f *testing.F) {
	f.Add(inTemplate(`{{- with $s := secret "secret/data/a" -}}K="{{ $s.Data.data.f | trimSpace }}"{{ end }}`))
	f.Add(`secret { path = "kv/app" format = "A_{{ key }}" key { name = "f" } }`)
	f.Add(`vault { ssl { verify = false } } template { contents = "{{ key \"a\" }}" left_delimiter = "<<" perms = 0644 }`)
	f.Add(`env_template "K" { contents = "{{ with secret \"kv/a\" }}{{ index .Data \"f\" }}{{ end }}" } exec { command = ["env"] }`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read([]byte(text), Options{Fields: []string{"K"}, Run: "/run/livekey"})
		if err != nil {
			return
		}
		for _, v := range r.Variables {
			if _, err := config.ParseRef(config.FormatRef(v.Ref)); err != nil {
				t.Errorf("%+v: %v", v.Ref, err)
			}
		}
		for _, s := range r.Sinks {
			if !slices.ContainsFunc(r.Variables, func(v Variable) bool { return v.Sink == s.Name }) && len(r.Left) == 0 {
				t.Errorf("sink %s has nothing, and nothing says why", s.Name)
			}
		}
		for _, l := range r.Left {
			if l.Line < 1 || l.What == "" || l.Why == "" {
				t.Errorf("%+v", l)
			}
		}
	})
}
