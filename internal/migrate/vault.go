package migrate

import (
	"strings"

	"github.com/livekey/livekey/internal/draft"
	"github.com/livekey/livekey/internal/key"
)

// source is the entry of Vault.
func (r *reader) source() *draft.Entry { return draft.Add(&r.Sources, draft.Entry{Name: "vault"}) }

const (
	noSecrets = "a secret stands in no config: put it into a file, and name that in auth"
	noVerify  = "certificates are always verified: name the roots in ca_file"
	retries   = "livekey retries by itself, for as long as it takes, and keeps what is delivered"
	noConsul  = "livekey reads no Consul: it delivers keys, and no other settings"
	ownLog    = "livekey logs to stderr, or the journal of systemd: log in its config"
)

// server reads who Vault is, as all three tools say it.
func (r *reader) server(v *node) {
	e := r.source()
	set := func(name, text string) {
		if text != "" && !e.Has(name) {
			e.Set(name, draft.Text(text))
		}
	}
	if text, line := v.field("address"); strings.Contains(text, "@") {
		r.leave(line, v.path("address"), noSecrets)
	} else {
		set("address", text)
	}
	set("namespace", strings.Trim(v.says("namespace"), "/"))
	set("ca_file", v.says("ca_cert"))
	set("server_name", v.says("tls_server_name"))
	set("client_cert_file", v.says("client_cert"))
	set("client_key_file", v.says("client_key"))
	ssl := v.block("ssl")
	ssl.ignore("enabled")
	set("ca_file", ssl.says("ca_cert"))
	set("server_name", ssl.says("server_name"))
	set("client_cert_file", ssl.says("cert"))
	set("client_key_file", ssl.says("key"))
	r.drop(ssl, "name one file with all roots in ca_file", "ca_path", "ca_cert_bytes")
	r.verified(ssl, "verify", "false")
	r.verified(v, "tls_skip_verify", "true")
	r.drop(v, "name one file with all roots in ca_file", "ca_path")
	r.drop(v, noSecrets, "token", "k8s_service_account_token")
	r.drop(v, retries, "retry")
	v.ignore("enabled")
}

// verified says that certificates are verified, where the tool was told not to.
func (r *reader) verified(n *node, field, off string) {
	if text, line := n.field(field); strings.EqualFold(text, off) {
		r.leave(line, n.path(field), noVerify)
	}
}

// auth adds how livekey logs in.
func (r *reader) auth(method string, pairs ...draft.Value) {
	if e := r.source(); !e.Has("auth") {
		e.Set("auth", draft.Map(append([]draft.Value{draft.Pair("method", draft.Text(method))}, pairs...)...))
	}
}

// unauthenticated completes a source of which nobody said how to log in.
func (r *reader) unauthenticated(line int, what string) {
	e := r.source()
	if e.Has("auth") {
		return
	}
	e.Fields = append(e.Fields, draft.Field{Name: "environment", Value: "true", Note: "VAULT_TOKEN or ~/.vault-token; better an auth of its own: docs/vault.md"})
	r.leave(line, what, "until auth says how livekey logs in, it takes VAULT_TOKEN or ~/.vault-token")
}

// value is one field of a secret, as a template names it.
type value struct {
	path   string
	fields []string // of the data; several lead into an object
	two    bool     // it is of KV version 2
	trim   bool
	base64 bool
	line   int
}

// ref is where livekey reads the same.
func (v value) ref() (key.Ref, bool) {
	path, query, asked := strings.Cut(strings.Trim(v.path, "/"), "?")
	loc := key.Location{Source: "vault", Path: path}
	if asked {
		version, only := strings.CutPrefix(query, "version=")
		if !only || strings.Contains(version, "&") {
			return key.Ref{}, false
		}
		loc.Version = key.Version(version)
	}
	if v.two {
		loc.Path = strings.Replace(path, "/data/", "/", 1)
	}
	field := v.fields[0]
	if len(v.fields) > 1 {
		field = "/" + strings.Join(v.fields, "/")
	}
	return key.Ref{Location: loc, Field: field}, loc.Path != ""
}

// variable adds a variable, unless livekey cannot name its place.
func (r *reader) variable(name, sink string, v value) {
	ref, ok := v.ref()
	if !ok {
		r.leave(v.line, name, "parameters of a secret's path other than version have no counterpart")
		return
	}
	r.Variables = append(r.Variables, Variable{Name: name, Ref: ref, Trim: v.trim, Base64: v.base64, Sink: sink})
}
