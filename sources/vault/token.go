package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// tokenFile takes the token that somebody else put into a file.
type tokenFile struct {
	path  string
	files *trusted.Seen
}

func (m *tokenFile) login(context.Context) (grant, error) {
	m.files.Look()
	v, err := readCredential(m.path)
	if err != nil {
		return grant{}, fmt.Errorf("read token: %w", err)
	}
	return grant{value: v}, nil
}

func (m *tokenFile) changed() bool  { return m.files.Changed() }
func (m *tokenFile) traits() traits { return traits{prompt: true} }

// tokenVariable takes the token of the environment, which cannot change while livekey runs.
type tokenVariable struct{ name string }

func (m tokenVariable) login(context.Context) (grant, error) {
	v, err := credential([]byte(os.Getenv(m.name)))
	if err != nil {
		return grant{}, fmt.Errorf("read %s: %w", m.name, err)
	}
	return grant{value: v}, nil
}

func (tokenVariable) changed() bool  { return false }
func (tokenVariable) traits() traits { return traits{} }

// A grant is a token and what its login, renewal or look-up says of its end.
type grant struct {
	value secret.Value
	life  lifetime
}

// lifetime is how long a token lives from the moment it was asked about. The zero
// lifetime is one that nobody asked about.
type lifetime struct {
	told      bool
	ttl       time.Duration // 0: without end, as far as one can know
	renewable bool
}

// maxTTL bounds what a duration can hold; nobody waits that long.
const maxTTL = 10 * 365 * 24 * time.Hour

func told(seconds int, renewable bool) lifetime {
	ttl := maxTTL
	if seconds < int(maxTTL/time.Second) {
		ttl = time.Duration(max(0, seconds)) * time.Second
	}
	return lifetime{told: true, ttl: ttl, renewable: renewable && ttl > 0}
}

// tokens asks Vault about a token and to let it live on.
type tokens struct {
	client    *client
	namespace string // in which the token was made
}

// errNotRenewed is Vault's no to a renewal: asking again changes nothing.
var errNotRenewed = errors.New("Vault does not renew it")

// renew makes the token live on for its role's TTL, or what is left of its maximum.
func (t *tokens) renew(ctx context.Context, token secret.Value) (lifetime, error) {
	ans, err := t.client.do(ctx, call{
		method: http.MethodPost, namespace: t.namespace, path: "auth/token/renew-self", token: token, body: []byte("{}"),
	})
	if err != nil {
		return lifetime{}, err
	}
	defer clear(ans.body)
	switch {
	case ans.status == http.StatusOK:
		g, err := grantOf(ans)
		return g.life, err
	case ans.denied():
		return lifetime{}, fmt.Errorf(`%w (403): its policy must say path "auth/token/renew-self" { capabilities = ["update"] }, as the policy default does`, errNotRenewed)
	case ans.bad():
		return lifetime{}, fmt.Errorf("%w (400)", errNotRenewed)
	default:
		return lifetime{}, ans.unavailable()
	}
}

// lookup says how long a token lives that livekey did not make. One that may not
// ask has no end that livekey can know.
func (t *tokens) lookup(ctx context.Context, token secret.Value) (lifetime, error) {
	ans, err := t.client.do(ctx, call{method: http.MethodGet, namespace: t.namespace, path: "auth/token/lookup-self", token: token})
	if err != nil {
		return lifetime{}, err
	}
	defer clear(ans.body)
	switch {
	case ans.status == http.StatusOK:
		return lifetimeOf(ans)
	case ans.denied():
		return lifetime{told: true}, nil
	default:
		return lifetime{}, ans.unavailable()
	}
}

// lifetimeOf reads the answer to a look-up.
func lifetimeOf(ans answer) (lifetime, error) {
	var p struct {
		Data *struct {
			TTL       int  `json:"ttl"`
			Renewable bool `json:"renewable"`
		} `json:"data"`
	}
	if json.Unmarshal(ans.body, &p) != nil || p.Data == nil {
		return lifetime{}, fmt.Errorf("%w: status 200 without a token's TTL; does the address lead to Vault?", ErrAnswer)
	}
	return told(p.Data.TTL, p.Data.Renewable), nil
}

// grantOf takes the token and its lifetime out of the answer to a login or a renewal.
func grantOf(ans answer) (grant, error) {
	var p struct {
		Auth *struct {
			ClientToken    string          `json:"client_token"`
			LeaseDuration  int             `json:"lease_duration"`
			Renewable      bool            `json:"renewable"`
			MFARequirement json.RawMessage `json:"mfa_requirement"`
		} `json:"auth"`
	}
	if json.Unmarshal(ans.body, &p) != nil || p.Auth == nil {
		return grant{}, fmt.Errorf("%w: status 200 without a token; does the address lead to Vault?", ErrAnswer)
	}
	if p.Auth.ClientToken == "" && len(p.Auth.MFARequirement) > 0 && string(p.Auth.MFARequirement) != "null" {
		return grant{}, fmt.Errorf("%w: the mount asks for a second factor, which a daemon has not; "+
			"exempt it in `vault list identity/mfa/login-enforcement`", ErrLogin)
	}
	v, err := credential([]byte(p.Auth.ClientToken))
	if err != nil {
		return grant{}, fmt.Errorf("%w: the token that it gave %w", ErrAnswer, err)
	}
	return grant{value: v, life: told(p.Auth.LeaseDuration, p.Auth.Renewable)}, nil
}

// tokenOfEnvironment is VAULT_TOKEN or what `vault login` left in the home folder.
func tokenOfEnvironment() method {
	if v, name := environment(api.EnvVaultToken); v != "" {
		return tokenVariable{name}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "~" // says in the error which file was meant
	}
	path := filepath.Join(home, ".vault-token")
	return &tokenFile{path: path, files: trusted.See(path)}
}
