package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/fakekube"
)

// gated is a livekey that proves the keys of one Secret, and writes what is proved into
// another, as one of several.
const gated = `
lease: {name: livekey, namespace: prod, api: $API}
sources:
  kubernetes: {api: $API}
keys:
  A: {from: "kubernetes://prod/llm#A", provider: anthropic, base_url: $ISSUER}
sinks:
  proved: {kind: kubernetes_secret, api: $API, namespace: prod, name: llm-proved, keys: all}
metrics: $METRICS
`

func TestOfTwoOneProvesAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	s := fakekube.New()
	server := httptest.NewServer(s)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	first, second := newWorld(t), newWorld(t)
	for i, w := range []*world{first, second} {
		w.issuer = first.issuer
		w.vars["ISSUER"], w.vars["HOOK"], w.vars["API"] = first.vars["ISSUER"], first.vars["HOOK"], server.URL
		w.vars["METRICS"] = freeAddress(t)
		w.environ = append(w.environ, fmt.Sprintf("POD_NAME=livekey-%d", i))
		w.configure(gated)
	}
	put := func(value string) { s.Put("llm", map[string][]byte{"A": []byte(value)}, "external-secrets") }
	proved := func(value string) func() error {
		return func() error {
			o, _ := s.Get("llm-proved")
			return differs("llm-proved", map[string]string{"A": string(o.Data["A"])}, map[string]string{"A": value})
		}
	}
	leads := func(w *world, leader string) func() error {
		return func() error {
			l := w.status().Lease
			if l == nil || !strings.HasPrefix(l.Holder, leader) {
				return fmt.Errorf("%+v", l)
			}
			return nil
		}
	}
	one, dead, two, three := first.newKey(), fakeissuer.NewAnthropicKey(), first.newKey(), first.newKey()
	put(one)
	first.start().awaitReady()
	must(t, proved(one)())
	waiting := second.start()
	waiting.awaitReady()
	second.until("the standby sees who works", patience, leads(second, "livekey-0_"))
	st := second.status()
	if st.Ready || len(st.Keys) > 0 || st.Lease.Working {
		t.Errorf("a standby says %+v", st)
	}
	if r := second.livekey("status"); !strings.Contains(r.stdout, "standby: livekey-0_") || r.exit != 0 {
		t.Errorf("status of a standby: exit %d, %s", r.exit, r.stdout)
	}
	if r := second.livekey("refresh"); r.exit == 0 || !strings.Contains(r.stderr, "livekey-0_") {
		t.Errorf("an order to a standby: exit %d, %s", r.exit, r.stderr)
	}
	for path, want := range map[string]string{"/ready": `"standby":true`, "/live": "{}", "/metrics": "livekey_leader 0"} {
		if code, body := visit(t, "http://"+second.vars["METRICS"]+path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s of a standby: %d %s", path, code, body)
		}
	}
	put(dead)
	first.until("the dead candidate is refused", patience, func() error {
		if k := first.key("A"); k.Candidate == nil || k.Candidate.Outcome.String() != "dead" {
			return fmt.Errorf("the candidate is %+v", k.Candidate)
		}
		return nil
	})
	must(t, proved(one)())
	before, _ := s.Get("llm-proved")

	first.daemon.signal(syscall.SIGTERM)
	second.until("the other takes over", patience, func() error {
		if k := second.status(); k.Lease == nil || !k.Lease.Working || !k.Ready {
			return fmt.Errorf("%+v", k)
		}
		return nil
	})
	if after, _ := s.Get("llm-proved"); after.Version != before.Version {
		t.Error("it wrote what was there already")
	}
	put(two)
	second.until("the successor delivers", patience, proved(two))

	second.daemon.kill() // and goes on with its own lease, and with all that it knew
	second.start().awaitReady()
	if l := second.status().Lease; l == nil || !l.Working {
		t.Errorf("after a kill %+v", l)
	}
	first.start().awaitReady() // remembers a version that has been replaced since
	second.daemon.signal(syscall.SIGTERM)
	first.until("the first takes over", patience, func() error {
		if k := first.status(); !k.Ready || k.Lease == nil || !k.Lease.Working {
			return fmt.Errorf("%+v", k)
		}
		return nil
	})
	must(t, proved(two)())
	put(three)
	first.until("it delivers", patience, proved(three))
	if n := second.issuer.Calls(three); n == 0 {
		t.Error("nobody proved what was delivered")
	}
}

func visit(t *testing.T, address string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(b)
}
