package vault_test

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/vault"
	"github.com/livekey/livekey/test/servers"
)

func TestTokenFileIsReadAgain(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "a", map[string]any{"k": "v"})
		v.ReadPolicy("reader", "secret/data/a")
		first, second := v.NewToken(time.Hour, "reader"), v.NewToken(time.Hour, "reader")
		file := tempFile(t, first)
		src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), file)
		reads := func(when string) {
			t.Helper()
			before := v.Requests("secret/data/a")
			if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if n := v.Requests("secret/data/a") - before; n != 1 {
				t.Errorf("%s: %d requests, want one", when, n)
			}
		}
		reads("with the first token")
		writeFile(t, file, second)
		v.RevokeToken(first)
		reads("with a replaced file") // no 403 was needed to notice

		writeFile(t, file, "") // half of a replacement that is not atomic
		reads("while the file is empty")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		reads("while the file is not there")
	})
}

func TestRevokedTokenIsDeniedUntilTheFileHasAnother(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "a", map[string]any{"k": "v"})
		v.ReadPolicy("reader", "secret/data/a")
		token := v.NewToken(time.Hour, "reader")
		file := tempFile(t, token)
		src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), file)
		v.RevokeToken(token)
		_, err := src.Fetch(t.Context(), at("secret/a"))
		if !errors.Is(err, vault.ErrDenied) || !strings.Contains(err.Error(), `path "secret/data/a" { capabilities = ["read"] }`) {
			t.Errorf("err = %v, want denied with the policy that is needed", err)
		}
		if strings.Contains(err.Error(), token) {
			t.Error("the token is in the error")
		}
		writeFile(t, file, v.NewToken(time.Hour, "reader"))
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Errorf("with a new token: %v", err)
		}
	})
}

func TestAppRoleLogsInAgain(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "a", map[string]any{"k": "v"})
		v.ReadPolicy("reader", "secret/data/a")
		roleID, secretID := v.AppRole("team-approle", "livekey", time.Hour, "reader")
		secretFile := tempFile(t, secretID)
		src := open(t, "{address: %q, auth: {method: approle, mount: team-approle, role_id_file: %q, secret_id_file: %q}}",
			v.Address(), tempFile(t, roleID), secretFile)
		logins := func() int { return v.Requests("auth/team-approle/login") }
		if logins() != 0 {
			t.Error("logged in before the first read")
		}
		for range 3 {
			if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatal(err)
			}
		}
		if n := logins(); n != 1 {
			t.Errorf("%d logins for three reads, want one", n)
		}

		v.RevokeRoleTokens("team-approle")
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Fatalf("after the token ended: %v", err)
		}
		if n := logins(); n != 2 {
			t.Errorf("%d logins after the token ended, want two", n)
		}

		writeFile(t, secretFile, "not-a-secret-id")
		v.RevokeRoleTokens("team-approle")
		_, err := src.Fetch(t.Context(), at("secret/a"))
		if !errors.Is(err, vault.ErrLogin) || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "secret_id_file") {
			t.Errorf("err = %v, want a refused login and what to do", err)
		}
		if strings.Contains(err.Error(), "not-a-secret-id") || strings.Contains(err.Error(), roleID) {
			t.Errorf("err = %v quotes an id", err)
		}
		writeFile(t, secretFile, v.NewSecretID("team-approle", "livekey"))
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Errorf("with a new secret id: %v", err)
		}
	})
}

func TestPathThatIsDeniedForGoodMakesNoLoginAtEveryRead(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "mine", map[string]any{"k": "v"})
		v.ReadPolicy("reader", "secret/data/mine")
		roleID, secretID := v.AppRole("approle", "livekey", time.Hour, "reader")
		src := open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q}}",
			v.Address(), roleID, tempFile(t, secretID))
		for range 5 {
			if _, err := src.Fetch(t.Context(), at("secret/theirs")); !errors.Is(err, vault.ErrDenied) {
				t.Fatalf("err = %v, want denied", err)
			}
		}
		if n := v.Requests("auth/approle/login"); n != 2 {
			t.Errorf("%d logins for five denied reads, want the first and one more", n)
		}
		v.RevokeRoleTokens("approle")
		if _, err := src.Fetch(t.Context(), at("secret/mine")); err != nil {
			t.Errorf("another path does not log in again: %v", err)
		}
	})
}

func TestManyReadsShareOneLogin(t *testing.T) {
	v := newFake(t)
	v.Put("secret", "a", map[string]any{"k": "v"})
	v.ReadPolicy("reader", "secret/*")
	roleID, secretID := v.AppRole("approle", "livekey", time.Hour, "reader")
	src := open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q}}",
		v.Address(), roleID, tempFile(t, secretID))
	together := func() {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	together()
	v.RevokeRoleTokens("approle")
	together()
	if n := v.Requests("auth/approle/login"); n != 2 {
		t.Errorf("%d logins for 50 reads, a revocation and 50 reads; want two", n)
	}
}

func TestUnknownAuthMountIsSaid(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		src := open(t, "{address: %q, auth: {method: approle, mount: nowhere, role_id: r}}", v.Address())
		_, err := src.Fetch(t.Context(), at("secret/a"))
		if !errors.Is(err, vault.ErrLogin) || !strings.Contains(err.Error(), "auth/nowhere") || !strings.Contains(err.Error(), "auth.mount") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCredentialFileIsCheckedBeforeItIsSent(t *testing.T) {
	v := newFake(t)
	for _, test := range []struct{ rule, text, want string }{
		{"an empty file", " \n", "is empty"},
		{"two lines", "hvs.one\nhvs.two", "blank or a control character"},
		{"bytes that no header carries", "hvs.\x00one", "blank or a control character"},
		{"far too long", strings.Repeat("x", 1<<20), "larger than 16 KiB"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			file := tempFile(t, test.text)
			src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), file)
			_, err := src.Fetch(t.Context(), at("secret/a"))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("err = %v, want %q and the file", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hvs") {
				t.Errorf("err = %v quotes the file", err)
			}
		})
	}
	if n := v.Requests(""); n != 0 {
		t.Errorf("Vault saw %d requests", n)
	}
}

// A pipe waits for whoever writes to it: no deadline ends that.
func TestACredentialInAPipeHoldsNobodyUp(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "token")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	src := open(t, "{auth: {method: token, token_file: %q}, timeout: 100ms}", pipe)
	done := make(chan error, 1)
	go func() {
		_, err := src.Fetch(t.Context(), at("secret/a"))
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), pipe) {
			t.Errorf("err = %v, want the file", err)
		}
	case <-time.After(3 * time.Second):
		t.Error("a read with a timeout of 100ms has not ended after 3s")
		if w, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			_ = w.Close()
		}
		t.Logf("with a writer it ended: %v", <-done)
	}
}

func TestMissingTokenFileIsNoMissingKey(t *testing.T) {
	src := open(t, "{auth: {method: token, token_file: /nonexistent/token}}")
	_, err := src.Fetch(t.Context(), at("secret/a"))
	if err == nil || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "/nonexistent/token") {
		t.Errorf("err = %v", err)
	}
}

func TestEnvironmentCountsOnlyIfTheConfigSaysSo(t *testing.T) {
	v, other := newFake(t), newFake(t)
	for _, f := range []*fake{v, other} {
		f.Put("secret", "a", map[string]any{"k": "v"})
		f.ReadPolicy("reader", "secret/*")
	}
	fromVariable := other.NewToken(time.Hour, "reader")
	t.Setenv("VAULT_ADDR", other.Address())
	t.Setenv("VAULT_TOKEN", fromVariable)
	t.Setenv("VAULT_NAMESPACE", "team")
	// Each of these makes api.NewClient fail.
	t.Setenv("VAULT_SKIP_VERIFY", "banana")
	t.Setenv("VAULT_HEADERS", "no JSON")
	t.Setenv("VAULT_CLIENT_TIMEOUT", "soon")

	t.Setenv("VAULT_CACERT", "/nonexistent/ca.pem")
	src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), tempFile(t, v.NewToken(time.Hour, "reader")))
	if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
		t.Errorf("the environment got in the way: %v", err)
	}
	if n := other.Requests(""); n != 0 {
		t.Errorf("VAULT_ADDR saw %d requests", n)
	}

	allowed := open(t, "{environment: true}")
	if _, err := allowed.Fetch(t.Context(), at("secret/a")); err == nil || !strings.Contains(err.Error(), "/nonexistent/ca.pem") {
		t.Errorf("VAULT_CACERT does not count: err = %v", err)
	}
	t.Setenv("VAULT_CACERT", "")
	reads := func(what string, src sources.Source) {
		t.Helper()
		before := other.Requests("secret/data/a")
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if other.Requests("secret/data/a") == before {
			t.Errorf("%s: VAULT_ADDR saw no request", what)
		}
	}
	reads("VAULT_TOKEN", allowed)

	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("VAULT_TOKEN", "")
	writeFile(t, home+"/.vault-token", fromVariable)
	reads("~/.vault-token", open(t, "{environment: true}"))

	t.Setenv("VAULT_ADDR", "http://vault.example.com:8200")
	_, err := open(t, "{environment: true}").Fetch(t.Context(), at("secret/a"))
	if err == nil || !strings.Contains(err.Error(), "VAULT_ADDR") || !strings.Contains(err.Error(), "must be https") {
		t.Errorf("VAULT_ADDR without TLS: err = %v", err)
	}
}

func TestVariablesOfVaultsClientFillInWhatIsLeftOut(t *testing.T) {
	r := newRecorder(t)
	tls := newCrowd(t, true)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := servers.Certificate(t)

	t.Run("BAO_ before VAULT_, and the entry before both", func(t *testing.T) {
		t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
		t.Setenv("BAO_ADDR", r.URL)
		t.Setenv("VAULT_TOKEN", "hvs.not-this")
		t.Setenv("BAO_TOKEN", "hvs.this")
		t.Setenv("VAULT_NAMESPACE", "team")
		for _, settings := range []string{"environment: true, kv: 1", "environment: true, kv: 1, namespace: own"} {
			if _, err := open(t, "{%s}", settings).Fetch(t.Context(), at("secret/a")); err != nil {
				t.Fatal(err)
			}
		}
		saw := r.requests()
		for i, want := range []string{"GET secret/a ns=team token=hvs.this ", "GET secret/a ns=own token=hvs.this "} {
			if len(saw) != 2 || saw[i] != want {
				t.Errorf("Vault saw %q, want %q", saw, want)
			}
		}
	})
	t.Run("what TLS takes", func(t *testing.T) {
		t.Setenv("VAULT_ADDR", tls.URL)
		t.Setenv("VAULT_CACERT", ca)
		t.Setenv("VAULT_CLIENT_CERT", cert)
		src := open(t, "{environment: true, auth: {method: cert}}")
		_, err := src.Fetch(t.Context(), at("secret/a"))
		if err == nil || !strings.Contains(err.Error(), "VAULT_CLIENT_KEY") {
			t.Errorf("a certificate without its key: err = %v", err)
		}
		t.Setenv("VAULT_CLIENT_KEY", key)
		if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil || tls.logins[0] == "" {
			t.Errorf("err = %v, logins with %q", err, tls.logins)
		}
		t.Setenv("VAULT_TLS_SERVER_NAME", "elsewhere.example.org")
		if _, err := open(t, "{environment: true, auth: {method: cert}}").Fetch(t.Context(), at("secret/a")); err == nil {
			t.Error("VAULT_TLS_SERVER_NAME does not count")
		}
	})
}
