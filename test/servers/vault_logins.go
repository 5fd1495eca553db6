package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"
)

// enable turns an auth method on at mount, if nobody did.
func (v *VaultServer) enable(kind, mount string) {
	v.t.Helper()
	var mounts struct{ Data map[string]any }
	v.Do("GET", "sys/auth", nil, &mounts)
	if _, ok := mounts.Data[mount+"/"]; !ok {
		v.Do("POST", "sys/auth/"+mount, map[string]string{"type": kind}, nil)
	}
}

// role writes a role whose tokens have policies and live for ttl.
func (v *VaultServer) role(path string, ttl time.Duration, policies []string, more map[string]any) {
	v.t.Helper()
	fields := map[string]any{"token_policies": policies, "token_ttl": ttl.String()}
	maps.Copy(fields, more)
	v.Do("POST", path, fields, nil)
}

// WrapSecretID makes a secret id of a role that only the holder of the token returned
// can see, once, within ttl.
func (v *VaultServer) WrapSecretID(mount, role string, ttl time.Duration) string {
	v.t.Helper()
	return v.wrap("auth/"+mount+"/role/"+role+"/secret-id", ttl)
}

// WrapAnything wraps what is no secret id.
func (v *VaultServer) WrapAnything(ttl time.Duration) string {
	v.t.Helper()
	return v.wrap("sys/wrapping/wrap", ttl)
}

func (v *VaultServer) wrap(path string, ttl time.Duration) string {
	v.t.Helper()
	var out struct {
		WrapInfo struct{ Token string } `json:"wrap_info"`
	}
	v.header = http.Header{"X-Vault-Wrap-Ttl": {fmt.Sprint(int(ttl.Seconds()))}}
	defer func() { v.header = nil }()
	v.Do("POST", path, map[string]any{"secret_id": "not-of-a-role"}, &out)
	return out.WrapInfo.Token
}

// A Signer signs tokens as an identity provider does.
type Signer struct {
	t   testing.TB
	key *ecdsa.PrivateKey
}

// JWT makes a role of the JWT method at mount that takes the tokens of the Signer
// returned, for the audience "vault".
func (v *VaultServer) JWT(mount, role string, ttl time.Duration, policies ...string) *Signer {
	v.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		v.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		v.t.Fatal(err)
	}
	v.enable("jwt", mount)
	v.Do("POST", "auth/"+mount+"/config", map[string]any{
		"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
	}, nil)
	v.role("auth/"+mount+"/role/"+role, ttl, policies, map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"},
	})
	return &Signer{t: v.t, key: private}
}

// Sign returns a token of subject that expires after ttl.
func (s *Signer) Sign(subject string, ttl time.Duration) string {
	s.t.Helper()
	return s.sign(subject, ttl, nil)
}

func (s *Signer) sign(subject string, ttl time.Duration, more map[string]any) string {
	s.t.Helper()
	part := func(claims map[string]any) string {
		text, err := json.Marshal(claims)
		if err != nil {
			s.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now()
	claims := map[string]any{"sub": subject, "aud": []string{"vault"}, "iat": now.Unix(), "nbf": now.Add(-time.Hour).Unix(), "exp": now.Add(ttl).Unix()}
	maps.Copy(claims, more)
	signed := part(map[string]any{"alg": "ES256", "typ": "JWT"}) + "." + part(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signES256(s.t, s.key, signed))
}

// A Cluster is as much of a Kubernetes API server as Vault asks: it reviews tokens.
type Cluster struct {
	URL string

	mu    sync.Mutex
	known map[string]string // token: service account
}

// Kubernetes makes a role of the Kubernetes method at mount for the service account
// livekey in the namespace apps, whose tokens the Cluster returned knows.
func (v *VaultServer) Kubernetes(mount, role string, ttl time.Duration, policies ...string) *Cluster {
	v.t.Helper()
	c := &Cluster{known: make(map[string]string)}
	server := httptest.NewServer(http.HandlerFunc(c.review))
	v.t.Cleanup(server.Close)
	c.URL = server.URL
	v.enable("kubernetes", mount)
	v.Do("POST", "auth/"+mount+"/config", map[string]any{
		"kubernetes_host": c.URL, "token_reviewer_jwt": "the reviewer's own", "disable_local_ca_jwt": true,
	}, nil)
	v.role("auth/"+mount+"/role/"+role, ttl, policies, map[string]any{
		"bound_service_account_names": "livekey", "bound_service_account_namespaces": "apps", "alias_name_source": "serviceaccount_name",
	})
	return c
}

// NewToken returns a token of a service account in the namespace apps. Older tokens
// of the account are not known any more.
func (c *Cluster) NewToken(t testing.TB, account string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token := (&Signer{t: t, key: private}).sign("system:serviceaccount:apps:"+account, time.Hour, map[string]any{
		"kubernetes.io": map[string]any{"namespace": "apps", "serviceaccount": map[string]string{"name": account, "uid": uidOf(account)}},
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.known, func(_, of string) bool { return of == account })
	c.known[token] = account
	return token
}

func uidOf(account string) string { return "7f6c9a52-uid-of-" + account }

func (c *Cluster) review(w http.ResponseWriter, r *http.Request) {
	var in struct{ Spec struct{ Token string } }
	if r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, "unexpected request", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	account, ok := c.known[in.Spec.Token]
	c.mu.Unlock()
	status := map[string]any{"authenticated": false, "error": "unknown token"}
	if ok {
		status = map[string]any{"authenticated": true, "audiences": []string{"vault"}, "user": map[string]any{
			"username": "system:serviceaccount:apps:" + account, "uid": uidOf(account),
			"groups": []string{"system:serviceaccounts", "system:serviceaccounts:apps"},
		}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status,
	})
}

// Userpass makes a user of the userpass method at mount.
func (v *VaultServer) Userpass(mount, user, password string, ttl time.Duration, policies ...string) {
	v.t.Helper()
	v.enable("userpass", mount)
	v.role("auth/"+mount+"/users/"+user, ttl, policies, map[string]any{"password": password})
}

// Cert makes a role of the certificate method at mount that takes the certificate
// returned, and no other. Vault must serve TLS.
func (v *VaultServer) Cert(mount, role string, ttl time.Duration, policies ...string) (certFile, keyFile string) {
	v.t.Helper()
	certFile, keyFile = selfSigned(v.t)
	text, err := os.ReadFile(certFile)
	if err != nil {
		v.t.Fatal(err)
	}
	v.enable("cert", mount)
	v.role("auth/"+mount+"/certs/"+role, ttl, policies, map[string]any{"certificate": string(text)})
	return certFile, keyFile
}
