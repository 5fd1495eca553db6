package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"github.com/hashicorp/vault/api"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

// maxCredential is the longest token or id that a file may hold.
const maxCredential = 16 << 10

// tokenFile takes the token that somebody else, such as Vault Agent, keeps good in
// a file. livekey renews no token: that is for whoever put it there.
type tokenFile struct {
	path string
	seen fs.FileInfo // of the file that the last login read
}

func (m *tokenFile) login(context.Context) (secret.Value, error) {
	// Before the read: a file replaced in between is stale at once.
	seen, err := os.Stat(m.path)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read token: %w", err)
	}
	v, err := readCredential(m.path)
	if err != nil {
		return v, fmt.Errorf("read token: %w", err)
	}
	m.seen = seen
	return v, nil
}

func (m *tokenFile) stale() bool {
	now, err := os.Stat(m.path)
	return err == nil && (m.seen == nil || !os.SameFile(now, m.seen) ||
		!now.ModTime().Equal(m.seen.ModTime()) || now.Size() != m.seen.Size())
}

func (m *tokenFile) leases() bool { return false }

// tokenVariable takes VAULT_TOKEN, which cannot change while livekey runs.
type tokenVariable struct{}

func (tokenVariable) login(context.Context) (secret.Value, error) {
	v, err := credential([]byte(os.Getenv(api.EnvVaultToken)))
	if err != nil {
		return v, fmt.Errorf("read %s: %w", api.EnvVaultToken, err)
	}
	return v, nil
}

func (tokenVariable) stale() bool  { return false }
func (tokenVariable) leases() bool { return false }

// appRole logs in with a role id and a secret id, read again for each login.
type appRole struct {
	client *client
	auth   auth
}

func (m *appRole) stale() bool  { return false }
func (m *appRole) leases() bool { return true }

func (m *appRole) login(ctx context.Context) (secret.Value, error) {
	v, err := m.ask(ctx)
	if err != nil {
		return v, fmt.Errorf("log in at auth/%s: %w", m.auth.Mount, err)
	}
	return v, nil
}

func (m *appRole) ask(ctx context.Context) (secret.Value, error) {
	body, err := m.credentials()
	if err != nil {
		return secret.Value{}, err
	}
	defer clear(body)
	ans, err := m.client.do(ctx, call{method: http.MethodPost, path: "auth/" + m.auth.Mount + "/login", body: body})
	if err != nil {
		return secret.Value{}, err
	}
	defer clear(ans.body)
	switch {
	case ans.status == http.StatusOK:
		return tokenOf(ans)
	case ans.says(noRoute), ans.denied():
		// To an unknown mount Vault says 403 here, so that nobody can probe for one.
		return secret.Value{}, fmt.Errorf("%w (%d): is the AppRole method enabled there (auth.mount), and the role bound to this machine's address?",
			ErrLogin, ans.status)
	case ans.status == http.StatusBadRequest:
		return secret.Value{}, fmt.Errorf("%w (400): role id and secret id do not belong together, or the secret id has expired or is used up: "+
			"write a new one to auth.secret_id_file", ErrLogin)
	default:
		return secret.Value{}, ans.unavailable()
	}
}

// credentials is the body of the login.
func (m *appRole) credentials() ([]byte, error) {
	ids := map[string]string{"role_id": m.auth.RoleID}
	for name, path := range map[string]string{"role_id": m.auth.RoleIDFile, "secret_id": m.auth.SecretIDFile} {
		if path == "" {
			continue
		}
		v, err := readCredential(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		ids[name] = string(v.Reveal())
	}
	return json.Marshal(ids)
}

// tokenOf takes the token out of the answer to a login.
func tokenOf(ans answer) (secret.Value, error) {
	s, err := api.ParseSecret(bytes.NewReader(ans.body))
	if err != nil || s == nil || s.Auth == nil {
		return secret.Value{}, fmt.Errorf("%w: status 200 without a token; does the address lead to Vault?", ErrAnswer)
	}
	v, err := credential([]byte(s.Auth.ClientToken))
	if err != nil {
		return v, fmt.Errorf("%w: the token that it gave %w", ErrAnswer, err)
	}
	return v, nil
}

// readCredential reads a token or an id from a file, without the blanks around it
// with which such files end.
func readCredential(path string) (secret.Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Value{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := httpclient.ReadAll(f, maxCredential)
	if errors.Is(err, httpclient.ErrTooLarge) {
		return secret.Value{}, fmt.Errorf("%s is longer than %d bytes: it must hold the credential and nothing else", path, maxCredential)
	}
	if err != nil {
		return secret.Value{}, err
	}
	v, err := credential(text)
	if err != nil {
		return v, fmt.Errorf("%s %w", path, err)
	}
	return v, nil
}

// credential trims text, which it takes over, and refuses what no header can carry.
func credential(text []byte) (secret.Value, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return secret.Value{}, errors.New("is empty")
	}
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return secret.Value{}, errors.New("has a blank or a control character inside: it must be the credential and nothing else")
		}
	}
	return secret.New(text), nil
}
