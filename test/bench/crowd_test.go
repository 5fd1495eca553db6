package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/servers"
)

const (
	issuers     = 20                    // the hosts that a crowd's keys belong to
	issuerDelay = 50 * time.Millisecond // before each of their answers
)

// crowd is many keys in one Vault, of twenty issuers. Whoever reads them comes
// through the gate.
type crowd struct {
	t      *testing.T
	vault  *servers.VaultServer
	gate   *gate
	from   string // the address at which Vault is read: the gate's
	token  string // may read every key
	issuer *fakeissuer.Issuer
	hosts  []string
	keys   []string // the value of key i
}

// layout is how a crowd's keys are delivered.
type layout int

const (
	filePerKey layout = iota
	oneFile
)

func (l layout) String() string { return [...]string{"one file per key", "one file"}[l] }

// gather makes n keys. It serves until the test ends.
func gather(t *testing.T, n int) *crowd {
	t.Helper()
	t.Setenv("LIVEKEY_TEST", "all") // what servers.Vault asks for
	c := &crowd{t: t, vault: servers.Vault(t), issuer: fakeissuer.New()}
	c.gate = openGate(t, strings.TrimPrefix(c.vault.URL, "http://"))
	c.from = c.gate.url
	for range issuers {
		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(issuerDelay)
			c.issuer.ServeHTTP(w, r)
		}))
		t.Cleanup(host.Close)
		c.hosts = append(c.hosts, host.URL)
	}
	c.keys = make([]string, n)
	for i := range c.keys {
		c.rotate(i)
	}
	c.vault.ReadPolicy("bench", "secret/data/*")
	c.token = c.vault.NewToken(0, "bench")
	return c
}

// rotate puts a new key, that its issuer calls live, in place of key i.
func (c *crowd) rotate(i int) {
	c.keys[i] = newKey(c.issuer)
	c.vault.Put("secret", secretName(i), map[string]any{"key": c.keys[i]})
}

func secretName(i int) string { return fmt.Sprintf("crowd/k%04d", i) }
func variable(i int) string   { return fmt.Sprintf("KEY_%04d", i) }

// sinkOf is the file that key i is delivered to.
func (l layout) sinkOf(dir string, i int) string {
	if l == oneFile {
		return filepath.Join(dir, "all.env")
	}
	return filepath.Join(dir, variable(i)+".env")
}

// livekey makes a directory in which livekey follows the crowd and delivers to sinks.
func (c *crowd) livekey(l layout, sinks, refresh string) (dir string) {
	c.t.Helper()
	dir = scratch(c.t, "", "state", "livekey.d") // as installed: what is remembered on disk, what is delivered in memory
	must(c.t, os.WriteFile(filepath.Join(dir, "token"), []byte(c.token), 0o600))
	sink := ""
	if l == oneFile {
		sink = fmt.Sprintf("sinks:\n  all: {kind: env_file, path: %s, dialect: systemd, keys: all}", l.sinkOf(sinks, 0))
	}
	configure(c.t, dir, fmt.Sprintf(`
sources:
  vault: {address: %q, auth: {method: token, token_file: DIR/token}}
policy: {refresh: %s}
%s
`, c.from, refresh, sink))
	const share = 1000 // of the keys in one file: a config file has a limit
	for from := 0; from < len(c.keys); from += share {
		var keys, sinksToo strings.Builder
		for i := from; i < min(from+share, len(c.keys)); i++ {
			fmt.Fprintf(&keys, "  %s: {from: \"vault://secret/%s#key\", provider: anthropic, base_url: %q}\n",
				variable(i), secretName(i), c.hosts[i%len(c.hosts)])
			if l == filePerKey {
				fmt.Fprintf(&sinksToo, "  s%04d: {kind: env_file, path: %s, dialect: systemd, keys: [%s]}\n", i, l.sinkOf(sinks, i), variable(i))
			}
		}
		text := "keys:\n" + keys.String()
		if l == filePerKey {
			text += "sinks:\n" + sinksToo.String()
		}
		must(c.t, os.WriteFile(filepath.Join(dir, "livekey.d", fmt.Sprintf("%04d.yaml", from)), []byte(text), 0o600))
	}
	return dir
}

// delivered says whether every key is in its sink as it is in Vault.
func (c *crowd) delivered(l layout, sinks string) bool {
	content := ""
	for i, key := range c.keys {
		if i == 0 || l == filePerKey {
			text, err := os.ReadFile(l.sinkOf(sinks, i))
			if err != nil {
				return false
			}
			content = string(text)
		}
		if !strings.Contains(content, key) {
			return false
		}
	}
	return true
}

// awaitDelivered returns how long after began every key was in its sink.
func (c *crowd) awaitDelivered(l layout, sinks string, began time.Time) time.Duration {
	c.t.Helper()
	files := 1
	if l == filePerKey {
		files = len(c.keys)
	}
	for ; ; time.Sleep(5 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(sinks, "*.env"))
		must(c.t, err)
		if len(names) >= files && c.delivered(l, sinks) { // counting costs less than reading
			return time.Since(began)
		}
		if time.Since(began) > 5*time.Minute {
			c.t.Fatalf("%d keys were not delivered to %s in five minutes", len(c.keys), sinks)
		}
	}
}

// carry rotates key i and returns how long after that began its sink had the new one.
func (c *crowd) carry(i int, sink string) time.Duration {
	c.t.Helper()
	began := time.Now()
	c.rotate(i)
	for ; ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(sink); err == nil && strings.Contains(string(text), c.keys[i]) {
			return time.Since(began)
		}
		if time.Since(began) > time.Minute {
			c.t.Fatalf("key %d was not delivered to %s in a minute", i, sink)
		}
	}
}

// reads is how often Vault was asked for a key so far; writing one is asking too.
func (c *crowd) reads() int { return c.vault.Requests("secret/data/crowd/") }
