package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

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

func TestALivekeyThatOnlyLooksSaysSoOnTheSecret(t *testing.T) {
	t.Parallel()
	s := fakekube.New()
	server := httptest.NewServer(s)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	w := newWorld(t)
	w.vars["API"] = server.URL
	w.environ = append(w.environ, "POD_NAME=livekey-0", "POD_NAMESPACE=prod")
	w.configure(`
sources:
  kubernetes: {api: $API, annotate: true}
keys:
  A: {from: "kubernetes://prod/llm#A", provider: anthropic, base_url: $ISSUER}
`)
	text, err := os.ReadFile(w.path(configName))
	must(t, err)
	text = bytes.Replace(text, []byte("alerts:\n"), []byte("alerts:\n  cluster: {kind: kubernetes_events, api: "+server.URL+"}\n"), 1)
	must(t, os.WriteFile(w.path(configName), text, 0o600))
	says := func(parts ...string) func() error {
		return func() error {
			o, _ := s.Get("llm")
			for _, part := range parts {
				if !strings.Contains(o.Annotations["livekey.dev/status"], part) {
					return fmt.Errorf("%q lacks %s", o.Annotations["livekey.dev/status"], part)
				}
			}
			return nil
		}
	}
	good, dead := w.newKey(), fakeissuer.NewAnthropicKey()
	s.Put("llm", map[string][]byte{"A": []byte(good)}, "external-secrets")
	w.start().awaitReady()
	w.until("it says that the key lives, and that it gates nothing", patience, says(`"gates":false`, "does not gate", `"outcome":"live"`))
	before, _ := s.Get("llm")
	w.throughout("a verdict that stays is not written again", 3*time.Second, func() error {
		if o, _ := s.Get("llm"); o.Version != before.Version {
			return errors.New("it was")
		}
		return nil
	})
	s.Put("llm", map[string][]byte{"A": []byte(dead)}, "external-secrets")
	w.until("it says that the new one is dead", patience, says(`"gates":false`, `"outcome":"dead"`, `"reason":"invalid"`))
	o, _ := s.Get("llm")
	if string(o.Data["A"]) != dead {
		t.Error("it touched the data")
	}
	w.until("an Event is on the Secret", patience, func() error {
		for _, e := range s.Written("events") {
			about := e["involvedObject"].(map[string]any)
			if e["reason"] == "CandidateRejected" && about["kind"] == "Secret" && about["name"] == "llm" && about["uid"] == o.UID {
				return nil
			}
		}
		return fmt.Errorf("%d Events", len(s.Written("events")))
	})
	for _, told := range []string{o.Annotations["livekey.dev/status"], fmt.Sprint(s.Written("events"))} {
		for _, value := range []string{good, dead} {
			if strings.Contains(told, value) {
				t.Error("a value was told")
			}
		}
	}
	s.Delete("llm")
	w.throughout("a Secret that is gone is not made again", 3*time.Second, func() error {
		if _, there := s.Get("llm"); there {
			return errors.New("it is there")
		}
		return nil
	})
}

// Who has not heard of the Lease yet does not wait for another: a rollout that took it for
// ready would end the one that works.
func TestAReplicaThatHasHeardOfNobodyIsNotReady(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(server.Close)
	w := newWorld(t)
	w.vars["API"], w.vars["METRICS"] = server.URL, freeAddress(t)
	w.environ = append(w.environ, "POD_NAME=livekey-0")
	w.configure(gated)
	w.start()
	w.until("somebody answers", patience, func() error {
		c, err := net.Dial("tcp", w.vars["METRICS"])
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if code, body := visit(t, "http://"+w.vars["METRICS"]+"/ready"); code != http.StatusServiceUnavailable {
		t.Errorf("it is ready: %d %s", code, body)
	}
	if code, body := visit(t, "http://"+w.vars["METRICS"]+"/live"); code != http.StatusOK {
		t.Errorf("it is not live: %d %s", code, body)
	}
}
