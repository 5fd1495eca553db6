package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// A login is one POST with what proves who livekey is, read again each time.
type login struct {
	client *client
	auth   auth
	path   string // behind /v1/
	files  *trusted.Seen
	body   func(context.Context) (map[string]secret.Value, error)
	prompt bool   // a new credential is used at once: it would not wait
	help   string // what a refused login means, and what to do
}

func (m *login) changed() bool  { return m.files.Changed() }
func (m *login) traits() traits { return traits{prompt: m.prompt, leases: true} }

func (m *login) login(ctx context.Context) (grant, error) {
	g, err := m.ask(ctx)
	if err != nil {
		return grant{}, fmt.Errorf("log in by %s at %s: %w", m.auth.Method, m.auth.where(), err)
	}
	return g, nil
}

func (m *login) ask(ctx context.Context) (grant, error) {
	m.files.Look()
	values, err := m.body(ctx)
	if err != nil {
		return grant{}, err
	}
	fields := make(map[string]string, len(values))
	for name, v := range values {
		fields[name] = string(v.Reveal())
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return grant{}, secret.Scrub(err)
	}
	defer clear(body)
	ans, err := m.client.do(ctx, call{method: http.MethodPost, namespace: m.auth.Namespace, path: m.path, body: body})
	if err != nil {
		return grant{}, err
	}
	defer clear(ans.body)
	switch {
	case ans.status == http.StatusOK:
		return grantOf(ans)
	case ans.says(noRoute), ans.denied():
		// To an unknown mount Vault says 403 here, so that nobody can probe for one.
		return grant{}, fmt.Errorf("%w (%d): is the method enabled there (auth.mount), and does the role allow this machine? "+
			"If both, then %s", ErrLogin, ans.status, m.help)
	case ans.bad():
		return grant{}, fmt.Errorf("%w (400): %s", ErrLogin, m.help)
	default:
		return grant{}, ans.unavailable()
	}
}

// newMethod is how to log in; c is for logins alone where the method is cert. It
// does no I/O but to read the environment.
func (a auth) newMethod(c *client, t target) method {
	switch a.Method {
	case "":
		return tokenOfEnvironment()
	case methodToken:
		return &tokenFile{path: a.TokenFile, files: trusted.See(a.TokenFile)}
	default:
		return newLogin(c, a, t)
	}
}

func newLogin(c *client, a auth, t target) *login {
	m := &login{client: c, auth: a, path: "auth/" + a.Mount + "/login"}
	switch a.Method {
	case methodAppRole:
		r := &appRole{login: m}
		m.files = trusted.See(a.RoleIDFile, a.SecretIDFile)
		m.body, m.prompt = r.credentials, a.SecretIDWrapped
		m.help = "role id and secret id do not belong together, or the secret id has expired or is used up: " +
			"write a new one to auth.secret_id_file"
		if a.SecretIDWrapped {
			m.help = "role id and secret id do not belong together, or the secret id has expired or is used up: " +
				"wrap a new one, and write its wrapping token to auth.secret_id_file"
		}
	case methodJWT:
		m.files = trusted.See(a.TokenFile)
		m.body = a.jwt
		m.help = "the token in auth.token_file has expired, is signed by somebody else, or lacks what the role asks for: " +
			"see `vault read " + a.where() + "/role/" + a.Role + "`"
	case methodKubernetes:
		m.files = trusted.See(a.TokenFile)
		m.body = a.jwt
		m.help = "there is no such role, it does not allow this service account or namespace, or the cluster does not know the token: " +
			"see `vault read " + a.where() + "/role/" + a.Role + "`"
	case methodUserpass:
		m.path += "/" + a.Username
		m.files = trusted.See(a.PasswordFile)
		m.body = func(context.Context) (map[string]secret.Value, error) {
			v, err := readPassword(a.PasswordFile)
			if err != nil {
				return nil, fmt.Errorf("read password: %w", err)
			}
			return map[string]secret.Value{"password": v}, nil
		}
		m.help = "user name and password do not belong together, or the user is locked out: write the password to auth.password_file"
	default: // cert
		m.files = trusted.See(t.cert, t.key)
		m.body = func(context.Context) (map[string]secret.Value, error) {
			// A connection that is open has shown the certificate of its day.
			c.http.CloseIdleConnections()
			if a.Role == "" {
				return nil, nil
			}
			return map[string]secret.Value{"name": secret.New([]byte(a.Role))}, nil
		}
		m.help = "no role of the mount takes the certificate in client_cert_file, or the certificate is out of date: " +
			"see `vault list " + a.where() + "/certs`"
	}
	return m
}

// where is the mount of the login as Vault's command line writes it.
func (a *auth) where() string { return "auth/" + a.Mount }

// jwt is the body of logins by a token that somebody else signed.
func (a *auth) jwt(context.Context) (map[string]secret.Value, error) {
	v, err := readCredential(a.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	body := map[string]secret.Value{"jwt": v}
	if a.Role != "" { // else the mount's default role
		body["role"] = secret.New([]byte(a.Role))
	}
	return body, nil
}
