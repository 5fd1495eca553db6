package migrate

import (
	"strings"

	"github.com/livekey/livekey/internal/draft"
)

func (r *reader) vaultAgent(root *node) {
	r.server(root.block("vault"))
	for _, a := range root.take("auto_auth") {
		for _, m := range a.take("method") {
			r.method(m)
		}
		for _, s := range a.take("sink") {
			s.seeAll()
			r.leave(s.line, "auto_auth.sink", "livekey hands its token to nobody: who needs one keeps the agent, or logs in by itself")
		}
		r.drop(a, "livekey logs in once, unless it is told another way", "enable_reauth_on_new_credentials")
	}
	r.unauthenticated(root.line, "auto_auth")
	for _, t := range root.take("template") {
		r.template(t)
	}
	for _, t := range root.take("env_template") {
		r.envTemplate(t)
	}
	for _, c := range root.take("template_config") {
		if text, _ := c.field("static_secret_render_interval"); text != "" {
			r.every(c, "static_secret_render_interval", text)
		}
		c.ignore("exit_on_retry_failure")
		r.drop(c, "livekey reads by refresh, and retries by itself", "lease_renewal_threshold", "max_connections_per_host")
	}
	r.exec(root)
	r.drop(root, "livekey is no proxy for Vault: who asks Vault through the agent keeps it for that", "cache", "api_proxy", "listener")
	r.drop(root, "systemd knows livekey's process; see docs/systemd.md", "pid_file")
	if text, line := root.field("exit_after_auth"); text == "true" {
		r.leave(line, "exit_after_auth", "`livekey once` delivers and exits")
	}
	r.drop(root, ownLog, "log_level", "log_format", "log_file", "log_rotate_duration", "log_rotate_bytes", "log_rotate_max_files")
	r.drop(root, "livekey serves /metrics on its socket: docs/metrics.md", "telemetry")
	root.ignore("disable_idle_connections", "disable_keep_alives")
}

// every is how often static secrets are read.
func (r *reader) every(n *node, field, text string) {
	if !isSpan(text) {
		r.leave(n.line, n.path(field), "no duration that livekey knows: say it as policy.refresh")
		return
	}
	r.Policy = append(r.Policy, draft.Field{Name: "refresh", Value: draft.Value(text), Note: n.path(field)})
}

// method reads one way to log in.
func (r *reader) method(m *node) {
	name := m.label
	if text, _ := m.field("type"); text != "" {
		name = text
	}
	c := m.block("config")
	var pairs []draft.Value
	pair := func(name, text string) {
		if text != "" {
			pairs = append(pairs, draft.Pair(name, draft.Text(text)))
		}
	}
	if mount := strings.TrimPrefix(strings.Trim(m.says("mount_path"), "/"), "auth/"); mount != name {
		pair("mount", mount)
	}
	pair("namespace", strings.Trim(m.says("namespace"), "/"))
	m.ignore("min_backoff", "max_backoff", "exit_on_err")
	r.drop(m, "livekey uses the token that a login gives", "wrap_ttl")
	switch name {
	case "approle":
		pair("role_id_file", c.says("role_id_file_path"))
		pair("secret_id_file", c.says("secret_id_file_path"))
		if c.says("secret_id_response_wrapping_path") != "" {
			pairs = append(pairs, draft.Pair("secret_id_wrapped", "true"))
		}
		if text, line := c.field("remove_secret_id_file_after_reading"); text != "false" {
			r.leave(line, c.path("remove_secret_id_file_after_reading"), "livekey reads the secret id again for each login, and removes no file: see secret_id_wrapped")
		}
	case "kubernetes":
		pair("role", c.says("role"))
		pair("token_file", c.says("token_path"))
	case "jwt":
		pair("role", c.says("role"))
		pair("token_file", c.says("path"))
		if text, line := c.field("remove_jwt_after_reading"); text != "false" {
			r.leave(line, c.path("remove_jwt_after_reading"), "livekey reads the token again for each login, and removes no file")
		}
		c.ignore("jwt_read_period", "remove_jwt_follows_symlinks")
	case "cert":
		pair("role", c.says("name"))
		e := r.source()
		for _, f := range [][2]string{{"ca_cert", "ca_file"}, {"client_cert", "client_cert_file"}, {"client_key", "client_key_file"}} {
			if text, _ := c.field(f[0]); text != "" && !e.Has(f[1]) {
				e.Set(f[1], draft.Text(text))
			}
		}
		c.ignore("reload", "reload_period")
	case "token_file":
		pair("token_file", c.says("token_file_path"))
		name = "token"
	default:
		c.seeAll()
		r.leave(m.line, "auto_auth.method", "livekey does not log in by this method: docs/vault.md lists those it knows, jwt with the identity of a cloud among them")
		return
	}
	r.auth(name, pairs...)
}

// envTemplate reads a variable of the program that the agent starts.
func (r *reader) envTemplate(t *node) {
	t.ignore("error_on_missing_key")
	name := t.label
	if !variableName.MatchString(name) {
		r.leave(t.line, "env_template", "its name is no legal variable")
		t.seeAll()
		return
	}
	pieces, ok := r.contents(t)
	if !ok {
		return
	}
	if v, alone := onlyValue(pieces); alone {
		r.variable(name, "", v)
		return
	}
	r.leave(t.line, "env_template "+name, noTemplates)
}
