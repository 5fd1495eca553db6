package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/livekey/livekey/internal/secret"
)

// ErrWrapping says that a wrapping token cannot be used (any more).
var ErrWrapping = errors.New("wrapping token refused")

// appRole logs in with a role id and a secret id. A wrapped secret id is opened
// once, and then lives in memory alone.
type appRole struct {
	login    *login
	opened   secret.Value // the secret id that was wrapped
	wrapping secret.Value // the token that it came out of
}

// credentials is the body of the login. A session calls it from one goroutine at a time.
func (r *appRole) credentials(ctx context.Context) (map[string]secret.Value, error) {
	a := &r.login.auth
	ids := map[string]secret.Value{"role_id": secret.New([]byte(a.RoleID))}
	for name, path := range map[string]string{"role_id": a.RoleIDFile, "secret_id": a.SecretIDFile} {
		if path == "" {
			continue
		}
		v, err := readCredential(path)
		if err != nil && name == "secret_id" && r.opened.Len() > 0 {
			v, err = r.wrapping, nil // whoever used a wrapping token may take its file away
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		ids[name] = v
	}
	if a.SecretIDWrapped {
		if err := r.open(ctx, ids["secret_id"]); err != nil {
			return nil, fmt.Errorf("unwrap the secret id with the token in %s: %w", a.SecretIDFile, err)
		}
		ids["secret_id"] = r.opened
	}
	return ids, nil
}

// open takes the secret id out of its wrapping, unless that was done already.
func (r *appRole) open(ctx context.Context, wrapping secret.Value) error {
	if r.opened.Len() > 0 && r.wrapping.Equal(wrapping) {
		return nil
	}
	if err := r.lookup(ctx, wrapping); err != nil {
		return err
	}
	ans, err := r.post(ctx, "sys/wrapping/unwrap", wrapping, nil)
	if err != nil {
		return err
	}
	defer clear(ans.body)
	v, err := secretIDOf(ans)
	if err != nil {
		return err
	}
	r.opened, r.wrapping = v, wrapping
	return nil
}

// lookup holds a wrapping token to have been made by the role's own secret-id call:
// what somebody else wrapped would be a way to choose livekey's identity.
func (r *appRole) lookup(ctx context.Context, wrapping secret.Value) error {
	body, err := json.Marshal(map[string]string{"token": string(wrapping.Reveal())})
	if err != nil {
		return secret.Scrub(err)
	}
	defer clear(body)
	ans, err := r.post(ctx, "sys/wrapping/lookup", secret.Value{}, body)
	if err != nil {
		return err
	}
	path, err := creationPathOf(ans)
	if err != nil {
		return err
	}
	prefix := r.login.auth.where() + "/role/"
	role, inMount := strings.CutPrefix(path, prefix)
	role, generated := strings.CutSuffix(role, "/secret-id")
	if !generated {
		role, generated = strings.CutSuffix(role, "/custom-secret-id")
	}
	if !inMount || !generated || role == "" || strings.Contains(role, "/") {
		return fmt.Errorf("%w: it does not wrap a secret id of a role at %s: somebody may have put another in its place; "+
			"find out who wrote the file before you write a new one", ErrWrapping, r.login.auth.where())
	}
	return nil
}

func (r *appRole) post(ctx context.Context, path string, token secret.Value, body []byte) (answer, error) {
	return r.login.client.do(ctx, call{method: http.MethodPost, namespace: r.login.auth.Namespace, path: path, token: token, body: body})
}

// notWrapped is the error for an answer to a question about a wrapping token that is not yes.
func notWrapped(ans answer) error {
	if ans.bad() || ans.denied() || ans.status == http.StatusNoContent {
		return fmt.Errorf("%w (%d): it has expired or was used before. If livekey did not use it, as it does once after each start and each change of the source's entry, "+
			"the secret id may have been intercepted: destroy the role's secret ids, then wrap a new one", ErrWrapping, ans.status)
	}
	return ans.unavailable()
}

// creationPathOf reads the answer to a look-up of a wrapping token.
func creationPathOf(ans answer) (string, error) {
	var p struct {
		Data *struct {
			CreationPath string `json:"creation_path"`
		} `json:"data"`
	}
	switch {
	case ans.status != http.StatusOK:
		return "", notWrapped(ans)
	case json.Unmarshal(ans.body, &p) != nil || p.Data == nil:
		return "", fmt.Errorf("%w: status 200 without a creation path; does the address lead to Vault?", ErrAnswer)
	}
	return p.Data.CreationPath, nil
}

// secretIDOf takes the secret id out of the answer to an unwrapping.
func secretIDOf(ans answer) (secret.Value, error) {
	var p struct {
		Data *struct {
			SecretID string `json:"secret_id"`
		} `json:"data"`
	}
	switch {
	case ans.status != http.StatusOK:
		return secret.Value{}, notWrapped(ans)
	case json.Unmarshal(ans.body, &p) != nil || p.Data == nil:
		return secret.Value{}, fmt.Errorf("%w: status 200 without a secret id; does the address lead to Vault?", ErrAnswer)
	}
	v, err := credential([]byte(p.Data.SecretID))
	if err != nil {
		return v, fmt.Errorf("%w: the secret id that it gave %w", ErrAnswer, err)
	}
	return v, nil
}
