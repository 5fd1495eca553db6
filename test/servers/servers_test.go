package servers_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/test/servers"
)

func TestVaultIsTheSameAfterARestart(t *testing.T) {
	v := servers.Vault(t)
	if n := v.Put("secret", "prod/llm", map[string]any{"k": "one"}); n != 1 {
		t.Fatalf("first version is %d", n)
	}
	url, token := v.URL, v.Token
	v.Stop()
	if c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
		_ = c.Close()
		t.Fatal("a stopped Vault accepts connections")
	}
	v.Restart()
	if v.URL != url || v.Token != token {
		t.Errorf("now %s, was %s; same root token: %t", v.URL, url, v.Token == token)
	}
	if n := v.Put("secret", "prod/llm", map[string]any{"k": "two"}); n != 2 {
		t.Errorf("the version after the restart is %d, want 2", n)
	}
}

func TestVaultCountsRequests(t *testing.T) {
	v := servers.Vault(t, servers.WithTLS())
	if !strings.HasPrefix(v.URL, "https://127.0.0.1:") {
		t.Fatalf("TLS Vault at %s", v.URL)
	}
	before := v.Requests("secret/data/")
	v.Put("secret", "a", map[string]any{"k": "v"})
	v.Do("GET", "secret/data/a", nil, nil)
	if n := v.Requests("secret/data/") - before; n != 2 {
		t.Errorf("counted %d requests, want 2", n)
	}
}

func TestVaultSealsAndUnseals(t *testing.T) {
	v := servers.Vault(t)
	v.Seal()
	req, err := http.NewRequest("GET", v.URL+"/v1/secret/data/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", v.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("sealed Vault answers %d", resp.StatusCode)
	}
	v.Unseal()
	v.Put("secret", "a", map[string]any{"k": "v"})
}

func TestVaultHandsOutCredentials(t *testing.T) {
	v := servers.Vault(t)
	v.ReadPolicy("reader", "secret/data/a")
	role, secret := v.AppRole("approle", "livekey", time.Hour, "reader")
	if role == "" || secret == "" || v.NewToken(0, "reader") == "" {
		t.Error("an empty credential")
	}
}

func TestBuildVaultReportsAMissingRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := servers.BuildVault(); err == nil || !strings.Contains(err.Error(), "run this inside the repository") {
		t.Errorf("err = %v", err)
	}
}

func TestCacheIsAHitForTheSameContent(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("LIVEKEY_TEST_CACHE", cache)
	// A `go` that builds an empty file stands in for the compiler.
	bin := t.TempDir()
	calls := filepath.Join(bin, "calls")
	script := `#!/bin/sh
[ "$1" = env ] && { echo go1.26; exit; }
echo build >> ` + calls + `
while [ "$1" != -o ]; do shift; done
: > "$2"
`
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	first := make(chan string, 4)
	for range cap(first) {
		go func() {
			path, err := servers.BuildVault()
			if err != nil {
				t.Error(err)
			}
			first <- path
		}()
	}
	path := <-first
	for range cap(first) - 1 {
		if again := <-first; again != path {
			t.Errorf("built %s and %s of the same content", path, again)
		}
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "build"); n != 1 {
		t.Errorf("built %d times, want once", n)
	}
}
