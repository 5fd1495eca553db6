package vault

import (
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
)

// auth is how livekey logs in.
type auth struct {
	Method    string `yaml:"method"`
	Mount     string `yaml:"mount"`     // of the method; empty: where `vault auth enable` puts it
	Namespace string `yaml:"namespace"` // of the login; empty: the source's
	Renew     bool   `yaml:"renew"`

	Role            string `yaml:"role"`       // jwt, kubernetes, cert; empty: the mount's default, or any that fits
	TokenFile       string `yaml:"token_file"` // token: Vault's; jwt, kubernetes: a signed one
	RoleID          string `yaml:"role_id"`
	RoleIDFile      string `yaml:"role_id_file"`
	SecretIDFile    string `yaml:"secret_id_file"`    // none: the role binds no secret id
	SecretIDWrapped bool   `yaml:"secret_id_wrapped"` // the file has a wrapping token
	Username        string `yaml:"username"`
	PasswordFile    string `yaml:"password_file"`

	Token    literal `yaml:"token"`
	JWT      literal `yaml:"jwt"`
	SecretID literal `yaml:"secret_id"`
	Password literal `yaml:"password"`
}

// The methods of auth.
const (
	methodToken      = "token"
	methodAppRole    = "approle"
	methodJWT        = "jwt"
	methodKubernetes = "kubernetes"
	methodUserpass   = "userpass"
	methodCert       = "cert"
)

// serviceAccountToken is where a pod finds the token that says who it is.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path

// A methodRule is what of auth a method takes, beside method and renew.
type methodRule struct {
	name    string
	needs   []string
	takes   []string
	example string
}

var methodRules = []methodRule{
	{methodToken, []string{"token_file"}, nil, "{method: token, token_file: /…}"},
	{methodAppRole, nil, []string{"role_id", "role_id_file", "secret_id_file", "secret_id_wrapped"}, "{method: approle, role_id_file: /…, secret_id_file: /…}"},
	{methodJWT, []string{"token_file"}, []string{"role"}, "{method: jwt, role: livekey, token_file: /…}"},
	{methodKubernetes, []string{"role"}, []string{"token_file"}, "{method: kubernetes, role: livekey}"},
	{methodUserpass, []string{"username", "password_file"}, nil, "{method: userpass, username: livekey, password_file: /…}"},
	{methodCert, nil, []string{"role"}, "{method: cert}, with client_cert_file and client_key_file beside auth"},
}

func methodNames() string {
	names := make([]string, len(methodRules))
	for i, r := range methodRules {
		names[i] = r.name
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// literal is a secret written into the config. It is refused and never decoded.
type literal struct{}

// UnmarshalConfig refuses whatever is there.
func (*literal) UnmarshalConfig(n config.Node) error {
	return n.Fault("", "a secret does not belong in the config: put it in a file that only livekey may read, "+
		"and name that file in token_file, secret_id_file or password_file")
}

// said are the fields that the config fills in, but method, namespace and renew.
func (a *auth) said() []string {
	var said []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"mount", a.Mount != ""},
		{"role", a.Role != ""},
		{"token_file", a.TokenFile != ""},
		{"role_id", a.RoleID != ""},
		{"role_id_file", a.RoleIDFile != ""},
		{"secret_id_file", a.SecretIDFile != ""},
		{"secret_id_wrapped", a.SecretIDWrapped},
		{"username", a.Username != ""},
		{"password_file", a.PasswordFile != ""},
	} {
		if f.set {
			said = append(said, f.name)
		}
	}
	return said
}

// check finds what is wrong with auth, and fills in its defaults. fault places a fault.
func (a *auth) check(fault func(field, format string, args ...any)) {
	i := slices.IndexFunc(methodRules, func(r methodRule) bool { return r.name == a.Method })
	if i < 0 {
		fault("auth.method", "must be %s", methodNames())
		return
	}
	rule, said := methodRules[i], a.said()
	for _, field := range said {
		if field == "mount" && rule.name != methodToken || slices.Contains(rule.needs, field) || slices.Contains(rule.takes, field) {
			continue
		}
		fault("auth."+field, "does not belong to method %s: write %s", rule.name, rule.example)
	}
	for _, field := range rule.needs {
		if !slices.Contains(said, field) {
			fault("auth."+field, "is missing: write %s", rule.example)
		}
	}
	if rule.name == methodAppRole {
		a.checkAppRole(fault)
	}
	if a.Mount == "" {
		a.Mount = rule.name
	}
	if a.Method == methodKubernetes && a.TokenFile == "" {
		a.TokenFile = serviceAccountToken
	}
	for _, f := range []struct{ name, value string }{{"mount", a.Mount}, {"namespace", a.Namespace}, {"username", a.Username}} {
		if f.value == "" {
			continue
		}
		if err := checkSegments(f.value); err != nil {
			fault("auth."+f.name, "%v", err)
		} else if f.name == "username" && strings.Contains(f.value, "/") {
			fault("auth.username", "a user's name has no slash")
		}
	}
}

func (a *auth) checkAppRole(fault func(field, format string, args ...any)) {
	switch {
	case a.RoleID == "" && a.RoleIDFile == "":
		fault("auth.role_id_file", "is missing: method approle needs role_id or role_id_file")
	case a.RoleID != "" && a.RoleIDFile != "":
		fault("auth.role_id", "say role_id or role_id_file, not both")
	}
	if a.SecretIDWrapped && a.SecretIDFile == "" {
		fault("auth.secret_id_file", "is missing: secret_id_wrapped says that it has a wrapping token")
	}
}
