package vault_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/vault"
	"github.com/livekey/livekey/test/servers"
)

// recorder answers every login, renewal and read, and keeps what was asked.
type recorder struct {
	*httptest.Server
	mu  sync.Mutex
	saw []string // "POST auth/jwt/login ns=team token= body"
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		r.saw = append(r.saw, fmt.Sprintf("%s %s ns=%s token=%s %s",
			q.Method, strings.TrimPrefix(q.URL.Path, "/v1/"), q.Header.Get("X-Vault-Namespace"), q.Header.Get("X-Vault-Token"), body))
		r.mu.Unlock()
		switch {
		case strings.HasSuffix(q.URL.Path, "/renew-self"), q.Method == http.MethodPost:
			reply(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": "hvs.made", "lease_duration": 1, "renewable": true}})
		case strings.Contains(q.URL.Path, "/internal/ui/mounts/"):
			reply(w, http.StatusOK, map[string]any{"data": map[string]any{"path": "secret/", "type": "kv"}})
		case strings.HasSuffix(q.URL.Path, "/lookup-self"):
			reply(w, http.StatusOK, map[string]any{"data": map[string]any{"ttl": 1, "renewable": true}})
		default:
			reply(w, http.StatusOK, map[string]any{"data": map[string]any{"k": "v"}})
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.saw...)
}

func TestEachLoginAsksAsVaultWantsIt(t *testing.T) {
	credential := tempFile(t, "signed.token.here")
	password := tempFile(t, "pass word")
	for _, test := range []struct{ rule, settings, want string }{
		{"jwt", fmt.Sprintf("{method: jwt, role: app, token_file: %q}", credential), `POST auth/jwt/login ns= token= {"jwt":"signed.token.here","role":"app"}`},
		{"jwt without a role", fmt.Sprintf("{method: jwt, mount: oidc/prod, token_file: %q}", credential), `POST auth/oidc/prod/login ns= token= {"jwt":"signed.token.here"}`},
		{"kubernetes", fmt.Sprintf("{method: kubernetes, role: app, token_file: %q}", credential), `POST auth/kubernetes/login ns= token= {"jwt":"signed.token.here","role":"app"}`},
		{"userpass", fmt.Sprintf("{method: userpass, username: jo e, password_file: %q}", password), `POST auth/userpass/login/jo e ns= token= {"password":"pass word"}`},
		{"approle", fmt.Sprintf("{method: approle, role_id: r, secret_id_file: %q}", credential), `POST auth/approle/login ns= token= {"role_id":"r","secret_id":"signed.token.here"}`},
		{"a login in another namespace", fmt.Sprintf("{method: jwt, namespace: login/here, token_file: %q}", credential), `POST auth/jwt/login ns=login/here token= {"jwt":"signed.token.here"}`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			r := newRecorder(t)
			if _, err := open(t, "{address: %q, kv: 1, auth: %s}", r.URL, test.settings).Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatal(err)
			}
			if saw := r.requests(); len(saw) != 2 || saw[0] != test.want || saw[1] != "GET secret/a ns= token=hvs.made " {
				t.Errorf("Vault saw %q, want %q and a read", saw, test.want)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	credential := tempFile(t, "signed.token.here")
	for _, test := range []struct{ rule, settings, params, login, read string }{
		{"the source's own, for login and reads", "namespace: team", "", "team", "team"},
		{"a reference has its own", "namespace: team", "namespace=team/a", "team", "team/a"},
		{"the login has its own", "namespace: team, auth: {namespace: other, %s}", "", "other", "team"},
		{"root is the one above all", "namespace: team, auth: {namespace: root, %s}", "namespace=root", "", ""},
		{"none", "kv: 0", "", "", ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			method := fmt.Sprintf("method: jwt, token_file: %q", credential)
			settings := test.settings
			if strings.Contains(settings, "%s") {
				settings = fmt.Sprintf(settings, method)
			} else {
				settings += ", auth: {" + method + "}"
			}
			r := newRecorder(t)
			loc := at("secret/a")
			loc.Params = test.params
			if _, err := open(t, "{address: %q, %s}", r.URL, settings).Fetch(t.Context(), loc); err != nil {
				t.Fatal(err)
			}
			want := []string{
				"POST auth/jwt/login ns=" + test.login + " ",
				"GET sys/internal/ui/mounts/secret/a ns=" + test.read + " ",
				"GET secret/a ns=" + test.read + " ",
			}
			saw := r.requests()
			if len(saw) != len(want) {
				t.Fatalf("Vault saw %q", saw)
			}
			for i, w := range want {
				if !strings.HasPrefix(saw[i], w) {
					t.Errorf("request %d is %q, want %q", i, saw[i], w)
				}
			}
		})
	}
}

func TestTokensAreKeptAliveWhileNobodyReads(t *testing.T) {
	for rule, settings := range map[string]string{
		"of a login":  "{method: jwt, namespace: login, token_file: %q}",
		"from a file": "{method: token, namespace: login, token_file: %q}",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			src := open(t, "{address: %q, namespace: team, kv: 1, auth: %s}", r.URL, fmt.Sprintf(settings, tempFile(t, "hvs.made")))
			keep(t, src)
			if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "two renewals", func() error {
				n := 0
				for _, q := range r.requests() {
					if q == "POST auth/token/renew-self ns=login token=hvs.made {}" {
						n++
					}
				}
				if n < 2 {
					return fmt.Errorf("saw %q", r.requests())
				}
				return nil
			})
		})
	}
}

// keep looks after the token of src as the engine does, until the test ends.
func keep(t *testing.T, src sources.Source) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		src.(sources.Keeper).Keep(t.Context())
	}()
	t.Cleanup(func() { <-done })
}

// eventually asks until ask answers nil, for at most ten seconds.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("no %s: %v", what, err)
}

func TestKeepEndsWithoutARead(t *testing.T) {
	keep(t, open(t, "{auth: {method: token, token_file: /nonexistent/token}}"))
}

// realLogins are the ways to log in to a real Vault. set prepares it, and returns the
// fields of the source and what writes a wrong and a right credential.
var realLogins = []struct {
	name, mount string
	tls         bool
	set         func(t *testing.T, v *servers.VaultServer) (fields string, spoil, mend func())
}{
	{"jwt", "team/jwt", false, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		idp := v.JWT("team/jwt", "app", time.Hour, "reader")
		file := tempFile(t, idp.Sign("livekey", time.Hour))
		return fmt.Sprintf("auth: {method: jwt, mount: team/jwt, role: app, token_file: %q}", file),
			func() { writeFile(t, file, idp.Sign("livekey", -time.Hour)) },
			func() { writeFile(t, file, idp.Sign("livekey", time.Hour)) }
	}},
	{"kubernetes", "kubernetes", false, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		cluster := v.Kubernetes("kubernetes", "app", time.Hour, "reader")
		file := tempFile(t, cluster.NewToken(t, "livekey"))
		return fmt.Sprintf("auth: {method: kubernetes, role: app, token_file: %q}", file),
			func() { writeFile(t, file, cluster.NewToken(t, "somebody-else")) },
			func() { writeFile(t, file, cluster.NewToken(t, "livekey")) }
	}},
	{"userpass", "userpass", false, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		v.Userpass("userpass", "livekey", "right password", time.Hour, "reader")
		file := tempFile(t, "right password")
		return fmt.Sprintf("auth: {method: userpass, username: livekey, password_file: %q}", file),
			func() { writeFile(t, file, "wrong password") },
			func() { writeFile(t, file, "right password") }
	}},
	{"cert", "cert", true, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		cert, key := v.Cert("cert", "app", time.Hour, "reader")
		otherCert, otherKey := servers.Certificate(t)
		certFile, keyFile := tempFile(t, ""), tempFile(t, "")
		use := func(cert, key string) {
			writeFile(t, keyFile, read(t, key))
			writeFile(t, certFile, read(t, cert))
		}
		use(cert, key)
		return fmt.Sprintf("auth: {method: cert, role: app}, client_cert_file: %q, client_key_file: %q", certFile, keyFile),
			func() { use(otherCert, otherKey) }, func() { use(cert, key) }
	}},
	{"approle", "approle", false, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		roleID, secretID := v.AppRole("approle", "livekey", time.Hour, "reader")
		file := tempFile(t, secretID)
		return fmt.Sprintf("auth: {method: approle, role_id: %q, secret_id_file: %q}", roleID, file),
			func() { writeFile(t, file, "8e1c2d3f-spoiled") },
			func() { writeFile(t, file, v.NewSecretID("approle", "livekey")) }
	}},
	{"approle, wrapped", "approle", false, func(t *testing.T, v *servers.VaultServer) (string, func(), func()) {
		roleID, _ := v.AppRole("approle", "livekey", time.Hour, "reader")
		file := tempFile(t, v.WrapSecretID("approle", "livekey", time.Minute))
		return fmt.Sprintf("auth: {method: approle, role_id: %q, secret_id_file: %q, secret_id_wrapped: true}", roleID, file),
			func() { writeFile(t, file, v.WrapAnything(time.Minute)) },
			func() { writeFile(t, file, v.WrapSecretID("approle", "livekey", time.Minute)) }
	}},
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachLoginOnARealVault(t *testing.T) {
	for _, login := range realLogins {
		t.Run(login.name, func(t *testing.T) {
			var options []servers.VaultOption
			if login.tls {
				options = append(options, servers.WithTLS())
			}
			v := servers.Vault(t, options...)
			v.Put("secret", "a", map[string]any{"k": "v"})
			v.ReadPolicy("reader", "secret/data/a")
			fields, spoil, mend := login.set(t, v)
			src := open(t, "{address: %q, ca_file: %q, %s}", v.URL, v.CAFile, fields)
			reads := func(when string) {
				t.Helper()
				if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
					t.Fatalf("%s: %v", when, err)
				}
			}
			logins := func() int { return v.Requests("auth/" + login.mount + "/login") }
			reads("at first")
			reads("again")
			if n := logins(); n != 1 {
				t.Errorf("%d logins for two reads", n)
			}
			v.RevokeRoleTokens(login.mount)
			reads("after every token was revoked")
			if n := logins(); n != 2 {
				t.Errorf("%d logins after a revocation, want two", n)
			}

			spoil()
			v.RevokeRoleTokens(login.mount)
			_, err := src.Fetch(t.Context(), at("secret/a"))
			if !errors.Is(err, vault.ErrLogin) && !errors.Is(err, vault.ErrWrapping) || errors.Is(err, key.ErrNotFound) {
				t.Fatalf("with a wrong credential: err = %v", err)
			}
			for _, want := range []string{"auth/" + login.mount, v.URL[strings.LastIndex(v.URL, "/")+1:]} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q in it", err, want)
				}
			}
			mend()
			reads("with a right credential again, at once")
		})
	}
}

func TestWrappingTokenIsUsedOnce(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "a", map[string]any{"k": "v"})
		v.ReadPolicy("reader", "secret/data/a")
		roleID, _ := v.AppRole("approle", "livekey", time.Hour, "reader")
		wrapping := v.WrapSecretID("approle", "livekey", time.Minute)
		file := tempFile(t, wrapping)
		opened := func() sources.Source {
			return open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q, secret_id_wrapped: true}}", v.Address(), roleID, file)
		}
		src := opened()
		for range 3 { // logs in again with what is in memory
			if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatal(err)
			}
			v.RevokeRoleTokens("approle")
		}
		if n := v.Requests("sys/wrapping/unwrap"); n != 1 {
			t.Errorf("unwrapped %d times", n)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		v.RevokeRoleTokens("approle")
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Errorf("with its file taken away: %v", err)
		}

		writeFile(t, file, wrapping)
		_, err := opened().Fetch(t.Context(), at("secret/a"))
		if !errors.Is(err, vault.ErrWrapping) || !strings.Contains(err.Error(), "may have been intercepted") || !strings.Contains(err.Error(), file) {
			t.Errorf("a token that was used: err = %v", err)
		}
		if err != nil && strings.Contains(err.Error(), wrapping) {
			t.Error("the token is in the error")
		}
		writeFile(t, file, v.WrapSecretID("approle", "livekey", time.Minute))
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Errorf("a new one: %v", err)
		}
		if n := v.Requests("sys/wrapping/unwrap"); n != 2 {
			t.Errorf("a new wrapping token waits, and would not live long: unwrapped %d times", n)
		}
	})
}

func TestWrappingOfSomethingElseIsNotOpened(t *testing.T) {
	for path, good := range map[string]bool{
		"auth/approle/role/livekey/secret-id":        true,
		"auth/approle/role/livekey/custom-secret-id": true,
		"sys/wrapping/wrap":                          false,
		"auth/other/role/livekey/secret-id":          false,
		"auth/approle/role/a/b/secret-id":            false,
		"auth/approle/role//secret-id":               false,
		"cubbyhole/x":                                false,
		"livekey/secret-id":                          false,
	} {
		t.Run(path, func(t *testing.T) {
			v := newFake(t)
			v.ReadPolicy("reader", "secret/*")
			v.Put("secret", "a", map[string]any{"k": "v"})
			roleID, _ := v.AppRole("approle", "livekey", time.Hour, "reader")
			token := v.WrapSecretID("approle", "livekey", time.Minute)
			v.change(func() { v.wrapped[token] = fakeWrap{path, v.wrapped[token].secretID} })
			_, err := open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q, secret_id_wrapped: true}}",
				v.Address(), roleID, tempFile(t, token)).Fetch(t.Context(), at("secret/a"))
			if good != (err == nil) || !good && !errors.Is(err, vault.ErrWrapping) {
				t.Errorf("err = %v", err)
			}
			if n := v.Requests("sys/wrapping/unwrap"); good != (n == 1) {
				t.Errorf("unwrapped %d times", n)
			}
		})
	}
}

func TestShortLivedTokenOfARealVaultIsRenewed(t *testing.T) {
	const life = 2 * time.Second
	for _, test := range []struct {
		rule, login string
		tls         bool
		fields      func(v *servers.VaultServer) string
	}{
		{"of a login", "auth/approle/login", false, func(v *servers.VaultServer) string {
			roleID, secretID := v.AppRole("approle", "livekey", life, "reader")
			return fmt.Sprintf("auth: {method: approle, role_id: %q, secret_id_file: %q}", roleID, tempFile(t, secretID))
		}},
		{"of a certificate, which Vault wants to see again", "auth/cert/login", true, func(v *servers.VaultServer) string {
			cert, key := v.Cert("cert", "app", life, "reader")
			return fmt.Sprintf("auth: {method: cert}, client_cert_file: %q, client_key_file: %q", cert, key)
		}},
		{"of somebody else", "auth/token/create", false, func(v *servers.VaultServer) string {
			return fmt.Sprintf("auth: {method: token, token_file: %q}", tempFile(t, v.NewToken(life, "reader", "default")))
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var options []servers.VaultOption
			if test.tls {
				options = append(options, servers.WithTLS())
			}
			v := servers.Vault(t, options...)
			v.Put("secret", "a", map[string]any{"k": "v"})
			v.ReadPolicy("reader", "secret/data/a")
			src := open(t, "{address: %q, ca_file: %q, %s}", v.URL, v.CAFile, test.fields(v))
			keep(t, src)
			for range 3 {
				r, err := src.Fetch(t.Context(), at("secret/a"))
				if err != nil {
					t.Fatal(err)
				}
				if got := string(r.Data.Reveal()); got != `{"k":"v"}` {
					t.Fatalf("data = %s", got)
				}
				time.Sleep(2 * life) // without a read
			}
			if n := v.Requests(test.login); n != 1 {
				t.Errorf("%d tokens were made", n)
			}
			if n := v.Requests("auth/token/renew-self"); n < 4 || n > 20 {
				t.Errorf("%d renewals in six of a token's lives", n)
			}
		})
	}
}

func TestTokenOfARealVaultThatReachesItsMaximumIsFollowedByAnother(t *testing.T) {
	v := servers.Vault(t)
	v.Put("secret", "a", map[string]any{"k": "v"})
	v.ReadPolicy("reader", "secret/data/a")
	roleID, secretID := v.AppRole("approle", "livekey", 2*time.Second, "reader")
	v.Do("POST", "auth/approle/role/livekey", map[string]any{"token_max_ttl": "4s"}, nil)
	src := open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q}}", v.URL, roleID, tempFile(t, secretID))
	keep(t, src)
	for end := time.Now().Add(11 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		before := v.Requests("secret/data/a")
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Fatal(err)
		}
		if n := v.Requests("secret/data/a") - before; n != 1 {
			t.Errorf("a read took %d requests: the first had a token that had ended", n)
		}
	}
	if n := v.Requests("auth/approle/login"); n < 3 || n > 6 {
		t.Errorf("%d logins in eleven seconds of tokens of four at most", n)
	}
	if v.Requests("auth/token/renew-self") == 0 {
		t.Error("nothing was renewed")
	}
}
