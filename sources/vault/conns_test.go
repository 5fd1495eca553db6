package vault_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/test/servers"
)

// crowd is a server that counts the connections that are open at once, and has no
// HTTP/2, with which one would be enough.
type crowd struct {
	*httptest.Server
	mu         sync.Mutex
	open, most int
	logins     []string // the certificates that were shown at a login
	ended      map[string]bool
}

func newCrowd(t *testing.T, tls bool) *crowd {
	c := &crowd{ended: make(map[string]bool)}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			c.join()
		case http.StateClosed, http.StateHijacked:
			c.count(-1)
		default:
		}
	}
	if tls {
		c.Server.TLS = servers.AskForCertificates()
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

// join counts one more. That another was closed by the client is seen a moment later,
// so one too many may be one that is gone: the next is not accepted until that is clear.
func (c *crowd) join() {
	n := c.count(+1)
	for end := time.Now().Add(500 * time.Millisecond); n > 10 && time.Now().Before(end); n = c.count(0) {
		time.Sleep(5 * time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = max(c.most, n)
}

func (c *crowd) count(more int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += more
	return c.open
}

func (c *crowd) serve(w http.ResponseWriter, r *http.Request) {
	time.Sleep(2 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/login"):
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			c.logins = append(c.logins, fmt.Sprintf("%x", r.TLS.PeerCertificates[0].PublicKey))
		} else {
			c.logins = append(c.logins, "")
		}
		token := fmt.Sprintf("hvs.login-%d", len(c.logins))
		reply(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 3600, "renewable": true}})
	case c.ended[r.Header.Get("X-Vault-Token")]:
		refuse(w, http.StatusForbidden, "permission denied", "invalid token")
	case strings.Contains(r.URL.Path, "/internal/ui/mounts/"):
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"path": "secret/", "type": "kv"}})
	default:
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"k": "v"}})
	}
}

// readAll reads 500 keys as many at once as can be.
func (c *crowd) readAll(t *testing.T, src sources.Source) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			if _, err := src.Fetch(t.Context(), at(fmt.Sprintf("secret/%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func (c *crowd) check(t *testing.T, logins int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most > 10 || c.most < 2 {
		t.Errorf("%d connections at once, want at most 10", c.most)
	}
	if len(c.logins) != logins {
		t.Errorf("%d logins, want %d", len(c.logins), logins)
	}
}

func TestFiveHundredKeysTakeTenConnections(t *testing.T) {
	c := newCrowd(t, false)
	src := open(t, "{address: %q, auth: {method: approle, role_id: r}}", c.URL)
	c.readAll(t, src)
	c.mu.Lock()
	c.ended["hvs.login-1"] = true
	c.mu.Unlock()
	c.readAll(t, src)
	c.check(t, 2)
}

func TestLoginByCertificateShowsTheOneOfTheDay(t *testing.T) {
	c := newCrowd(t, true)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := tempFile(t, ""), tempFile(t, "")
	renew := func() {
		cert, key := servers.Certificate(t)
		writeFile(t, keyFile, read(t, key))
		writeFile(t, certFile, read(t, cert))
	}
	renew()
	src := open(t, "{address: %q, ca_file: %q, client_cert_file: %q, client_key_file: %q, auth: {method: cert}}", c.URL, ca, certFile, keyFile)
	c.readAll(t, src)
	renew()
	c.mu.Lock()
	c.ended["hvs.login-1"] = true
	c.mu.Unlock()
	c.readAll(t, src)
	c.check(t, 2)
	if c.logins[0] == "" || c.logins[1] == "" || c.logins[0] == c.logins[1] {
		t.Errorf("the second login did not show the second certificate")
	}

	writeFile(t, keyFile, "no key")
	c.mu.Lock()
	c.ended["hvs.login-2"] = true
	c.mu.Unlock()
	_, err := src.Fetch(t.Context(), at("secret/1"))
	if err == nil || !strings.Contains(err.Error(), certFile) || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("err = %v, want both files", err)
	}
}
