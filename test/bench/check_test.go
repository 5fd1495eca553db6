package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
)

const (
	checkedKeys    = 100
	checkedIssuers = 20
	issuerTakes    = 100 * time.Millisecond
	checkRuns      = 10
)

// TestCheck measures `livekey check` of many keys, from its start to its end: the keys of a
// config, one in ten of them dead, at issuers that take their time.
func TestCheck(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	dir := t.TempDir()
	var config strings.Builder
	config.WriteString("keys:\n")
	for n := range checkedIssuers {
		issuer := fakeissuer.New()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(issuerTakes)
			issuer.ServeHTTP(w, r)
		}))
		t.Cleanup(srv.Close)
		for i := range checkedKeys / checkedIssuers {
			value := fakeissuer.NewAnthropicKey()
			if (n+i)%10 != 0 {
				issuer.Add(value, fakeissuer.Account{Organization: "org", Workspace: "ws"})
			}
			file := filepath.Join(dir, fmt.Sprintf("key-%d-%d", n, i))
			must(t, os.WriteFile(file, []byte(value), 0o600))
			fmt.Fprintf(&config, "  KEY_%d_%d: {from: \"file://%s\", provider: anthropic, base_url: %s}\n", n, i, file, srv.URL)
		}
	}
	path := filepath.Join(dir, "livekey.yaml")
	must(t, os.WriteFile(path, []byte(config.String()), 0o600))

	figures.title(out, "livekey check of %d keys at %d issuers that answer in %s", checkedKeys, checkedIssuers, issuerTakes)
	var took sample
	for range checkRuns {
		cmd := exec.Command(release(t), "check", "--config", path, "--output", "json")
		began := time.Now()
		text, _ := cmd.Output() // some are dead: it exits 3
		took = append(took, time.Since(began))
		if lives, dead := strings.Count(string(text), `"live"`), strings.Count(string(text), `"dead"`); lives+dead != checkedKeys || dead == 0 {
			t.Fatalf("%d live and %d dead of %d", lives, dead, checkedKeys)
		}
	}
	figures.note(out, "wall", "%s", took)
	figures.want(out, "wall, the slowest of ten", took.quantile(1), "ms", 1000)
}

// TestCatalogue measures what the catalogue costs: reading one provider, and reading all.
func TestCatalogue(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	var one, all, list sample
	for range 20 {
		began := time.Now()
		_, err := catalog.Builtin().Lookup("anthropic")
		one = append(one, time.Since(began))
		must(t, err)
		began = time.Now()
		c := catalog.Builtin()
		for _, id := range c.IDs() {
			_, err := c.Lookup(id)
			must(t, err)
		}
		all = append(all, time.Since(began))
		began = time.Now()
		catalog.Builtin().List()
		list = append(list, time.Since(began))
	}
	figures.title(out, "the catalogue, %d providers", len(catalog.Builtin().IDs()))
	figures.want(out, "reading the largest, p50", one.quantile(0.5), "ms", 5)
	figures.want(out, "reading all, p50", all.quantile(0.5), "ms", 30)
	figures.note(out, "listing all", "%s", list)

	provider, err := catalog.Builtin().Lookup("anthropic")
	must(t, err)
	checker, err := provider.Checker(catalog.Settings{Client: &http.Client{Transport: refusal{}}})
	must(t, err)
	m := checkertest.Material(fakeissuer.NewAnthropicKey())
	const probes = 2000
	began := time.Now()
	for range probes {
		checker.Check(t.Context(), m)
	}
	figures.note(out, "a probe without its network", "%.0f us, of which judging is `go test -bench Classify ./validator/catalog`", ms(time.Since(began))*1000/probes)
}

// refusal is what Anthropic answers to a dead key, without a network.
type refusal struct{}

func (refusal) RoundTrip(r *http.Request) (*http.Response, error) {
	const body = `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}`
	h := http.Header{"Content-Type": {"application/json"}, "Request-Id": {"req_011CSHoEeqs5C35K2UUqR7Fy"}}
	return &http.Response{StatusCode: http.StatusUnauthorized, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}
