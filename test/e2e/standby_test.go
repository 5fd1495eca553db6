package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// A cluster is a Vault behind a load balancer: reads are answered in turn by nodes
// that may have another version of the one secret.
type cluster struct {
	mu    sync.Mutex
	nodes []int // the version that each has
	reads int
	keys  []string // of version 1, 2, …
}

func (c *cluster) serve(nodes ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes, c.reads = nodes, 0
}

func (c *cluster) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var data any
	switch {
	case strings.Contains(r.URL.Path, "/internal/ui/mounts/"):
		data = map[string]any{"path": "secret/", "type": "kv", "options": map[string]string{"version": "2"}}
	case r.URL.Path == "/v1/secret/data/llm":
		version := c.nodes[c.reads%len(c.nodes)]
		c.reads++
		data = map[string]any{
			"data":     map[string]string{"anthropic": c.keys[version-1]},
			"metadata": map[string]any{"version": version, "created_time": time.Now().UTC(), "deletion_time": ""},
		}
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"errors":["permission denied"]}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func TestAStandbyThatIsBehindNeverBringsAnOlderVersionBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &cluster{}
	for range 8 {
		c.keys = append(c.keys, w.newKey()) // every one is live: nothing but the number tells them apart
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	must(t, os.WriteFile(w.path("token"), []byte("hvs.a-token"), 0o600))
	w.vars["VAULT"] = server.URL
	w.configure(`
sources:
  vault: {address: $VAULT, auth: {method: token, token_file: $DIR/token}}
keys:
  A: {from: "vault://secret/llm#anthropic", provider: anthropic, base_url: $ISSUER, policy: {refresh: 50ms}}
` + twoSinks)
	want := func(version int) func() error {
		return w.holds(map[string]string{"A": c.keys[version-1]})
	}
	c.serve(6)
	w.start().awaitReady()
	must(t, want(6)())
	c.serve(7)
	w.until("version 7 is delivered", patience, want(7))
	c.serve(7, 6)
	w.throughout("7, 6, 7, 6, …", 2*time.Second, want(7))
	c.serve(6, 6, 6, 7)
	w.throughout("6, 6, 6, 7, …", 2*time.Second, want(7))
	if n := c.count(); n < 8 {
		t.Errorf("only %d reads: nothing was shown", n)
	}
	c.serve(8, 6, 7)
	w.until("version 8 is delivered all the same", patience, want(8))
	w.throughout("8, 6, 7, …", time.Second, want(8))
}
