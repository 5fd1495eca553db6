package migrate

import "github.com/livekey/livekey/internal/draft"

func (r *reader) consulTemplate(root *node) {
	r.vaultOf(root)
	for _, t := range root.take("template") {
		r.template(t)
	}
	r.exec(root)
	r.consulCommon(root)
	r.drop(root, "systemd knows livekey's process; see docs/systemd.md", "pid_file")
	r.drop(root, "livekey delivers on each machine by itself", "deduplicate")
	r.drop(root, noConsul, "nomad")
	if text, line := root.field("default_delimiters"); text != "" {
		r.leave(line, "default_delimiters", "say left_delimiter and right_delimiter in each template, and import again")
	}
	root.ignore("template_error_fatal", "err_on_failed_lookup")
}

// vaultOf reads the block vault of consul-template and envconsul.
func (r *reader) vaultOf(root *node) {
	v := root.block("vault")
	r.server(v)
	if file := v.says("vault_agent_token_file"); file != "" {
		pairs := []draft.Value{draft.Pair("token_file", draft.Text(file))}
		if v.says("renew_token") != "true" {
			pairs = append(pairs, draft.Pair("renew", "false"))
		}
		r.auth("token", pairs...)
	}
	if role := v.says("k8s_auth_role_name"); role != "" {
		pairs := []draft.Value{draft.Pair("role", draft.Text(role))}
		if mount := v.says("k8s_service_mount_path"); mount != "" {
			pairs = append(pairs, draft.Pair("mount", draft.Text(mount)))
		}
		if file := v.says("k8s_service_account_token_path"); file != "" {
			pairs = append(pairs, draft.Pair("token_file", draft.Text(file)))
		}
		r.auth("kubernetes", pairs...)
	}
	if text, line := v.field("unwrap_token"); text == "true" {
		r.leave(line, v.path("unwrap_token"), "livekey opens wrapped secret ids of AppRole, no wrapped tokens: auth.secret_id_wrapped")
	}
	v.ignore("renew_token", "client_user_agent")
	r.drop(v, "livekey reads by refresh", "default_lease_duration", "lease_renewal_threshold")
	r.drop(v, "livekey keeps ten connections at most", "transport")
	r.unauthenticated(v.line, "vault.token")
}

// consulCommon is what consul-template and envconsul both have.
func (r *reader) consulCommon(root *node) {
	r.drop(root, noConsul, "consul", "max_stale", "block_query_wait")
	r.drop(root, ownLog, "log_level", "log_file", "syslog")
	r.drop(root, "livekey waits in on_change of a sink: docs/reload.md", "wait")
	r.drop(root, "livekey ends on TERM and INT, and reads its config again on HUP", "kill_signal", "reload_signal")
}
