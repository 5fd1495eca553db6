package servers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Do calls Vault's API as root: path is what follows /v1/, in is sent and out filled as
// JSON; both may be nil.
func (v *VaultServer) Do(method, path string, in, out any) {
	v.t.Helper()
	status, err := v.try(method, path, in, out)
	if err == nil && status >= 300 {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (v *VaultServer) try(method, path string, in, out any) (status int, err error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, v.URL+"/v1/"+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Vault-Token", v.Token)
	req.Header.Set("X-Vault-Request", "true")
	maps.Copy(req.Header, v.header)
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 400 && path != "sys/health" {
		return resp.StatusCode, fmt.Errorf("status %d: %s", resp.StatusCode, text) // only values of tests in here
	}
	if out != nil {
		return resp.StatusCode, json.Unmarshal(text, out)
	}
	return resp.StatusCode, nil
}

// eventually asks until ask answers nil, for at most half a minute.
func (v *VaultServer) eventually(what string, ask func() error) {
	v.t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	v.t.Fatalf("Vault did not %s: %v", what, err)
}

// MountKV2 mounts a KV v2 engine and waits until it serves: the upgrade from v1,
// with which every mount begins, answers 400 for about a second.
func (v *VaultServer) MountKV2(mount string) {
	v.t.Helper()
	v.Do("POST", "sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]string{"version": "2"}}, nil)
	v.eventually("upgrade "+mount+"/", func() error {
		status, err := v.try("LIST", mount+"/metadata/", nil, nil)
		if status == http.StatusNotFound { // upgraded, and empty
			return nil
		}
		return err
	})
}

// MountKV1 mounts a KV engine of version 1.
func (v *VaultServer) MountKV1(mount string) {
	v.t.Helper()
	v.Do("POST", "sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]string{"version": "1"}}, nil)
}

// PutKV1 writes the secret at path in a KV v1 mount.
func (v *VaultServer) PutKV1(mount, path string, data map[string]any) {
	v.t.Helper()
	v.Do("POST", mount+"/"+path, data, nil)
}

// Unmount removes a mount with all that is in it.
func (v *VaultServer) Unmount(mount string) {
	v.t.Helper()
	v.Do("DELETE", "sys/mounts/"+mount, nil, nil)
}

// Put writes a new version of the secret at path in a KV v2 mount, and returns its number.
func (v *VaultServer) Put(mount, path string, data map[string]any) int {
	v.t.Helper()
	var out struct{ Data struct{ Version int } }
	v.Do("POST", mount+"/data/"+path, map[string]any{"data": data}, &out)
	return out.Data.Version
}

// Delete soft-deletes versions of a secret; none: the current one.
func (v *VaultServer) Delete(mount, path string, versions ...int) {
	v.t.Helper()
	if len(versions) == 0 {
		v.Do("DELETE", mount+"/data/"+path, nil, nil)
		return
	}
	v.Do("POST", mount+"/delete/"+path, map[string]any{"versions": versions}, nil)
}

// Destroy removes versions of a secret for good.
func (v *VaultServer) Destroy(mount, path string, versions ...int) {
	v.t.Helper()
	v.Do("PUT", mount+"/destroy/"+path, map[string]any{"versions": versions}, nil)
}

// DeleteMetadata removes a secret with all its versions.
func (v *VaultServer) DeleteMetadata(mount, path string) {
	v.t.Helper()
	v.Do("DELETE", mount+"/metadata/"+path, nil, nil)
}

// Policy writes an ACL policy in HCL.
func (v *VaultServer) Policy(name, hcl string) {
	v.t.Helper()
	v.Do("PUT", "sys/policies/acl/"+name, map[string]string{"policy": hcl}, nil)
}

// ReadPolicy writes the policy that a reader of paths needs: read, and nothing else.
func (v *VaultServer) ReadPolicy(name string, paths ...string) {
	v.t.Helper()
	var hcl strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&hcl, "path %q { capabilities = [\"read\"] }\n", p)
	}
	v.Policy(name, hcl.String())
}

// NewToken makes a token with policies; ttl zero is Vault's default.
func (v *VaultServer) NewToken(ttl time.Duration, policies ...string) string {
	v.t.Helper()
	in := map[string]any{"policies": policies}
	if ttl > 0 {
		in["ttl"] = ttl.String()
	}
	var out struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	v.Do("POST", "auth/token/create", in, &out)
	return out.Auth.Token
}

// RevokeToken ends a token at once.
func (v *VaultServer) RevokeToken(token string) {
	v.t.Helper()
	v.Do("POST", "auth/token/revoke", map[string]string{"token": token}, nil)
}

// AppRole makes a role with policies, enables the auth method at mount if nobody
// did, and returns a role id and a secret id. The tokens of the role live for ttl.
func (v *VaultServer) AppRole(mount, role string, ttl time.Duration, policies ...string) (roleID, secretID string) {
	v.t.Helper()
	v.enable("approle", mount)
	v.role("auth/"+mount+"/role/"+role, ttl, policies, nil)
	var id struct {
		Data struct {
			RoleID string `json:"role_id"`
		}
	}
	v.Do("GET", "auth/"+mount+"/role/"+role+"/role-id", nil, &id)
	return id.Data.RoleID, v.NewSecretID(mount, role)
}

// NewSecretID makes another secret id of a role.
func (v *VaultServer) NewSecretID(mount, role string) string {
	v.t.Helper()
	var out struct {
		Data struct {
			SecretID string `json:"secret_id"`
		}
	}
	v.Do("POST", "auth/"+mount+"/role/"+role+"/secret-id", map[string]any{}, &out)
	return out.Data.SecretID
}

// RevokeRoleTokens ends every token that logins through an AppRole mount made.
func (v *VaultServer) RevokeRoleTokens(mount string) {
	v.t.Helper()
	v.Do("PUT", "sys/leases/revoke-prefix/auth/"+mount+"/login", nil, nil)
}

func auditLine(t testing.TB, line string) (typ, path string) {
	t.Helper()
	var entry struct {
		Type    string
		Request struct{ Path string }
	}
	err := json.Unmarshal([]byte(line), &entry)
	var half *json.SyntaxError
	if errors.As(err, &half) && !strings.HasSuffix(line, "\n") {
		return "", "" // being written
	}
	if err != nil {
		t.Fatalf("read audit log: %v", err)
	}
	return entry.Type, entry.Request.Path
}
