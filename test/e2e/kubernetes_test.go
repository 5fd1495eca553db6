package e2e

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/key"
)

const kubernetesConfig = `
sources:
  kubernetes: {api: $API, namespace: prod, token_file: $DIR/source/token}
keys:
  LLM: {from: "kubernetes://prod/llm#key", provider: anthropic, base_url: $ISSUER}
sinks:
  app: {kind: env_file, path: $DIR/sinks/app/app.env, dialect: kubernetes, keys: all}
  cluster: {kind: kubernetes_secret, api: $API, namespace: prod, name: app-keys, token_file: $DIR/source/token, keys: all}
`

// A rotation in a watched Secret reaches a file and another Secret within a second at the
// median, a dead candidate neither of them, and no value what livekey prints or keeps.
func TestARotationInASecret(t *testing.T) {
	t.Parallel()
	w, s, c := newWorld(t), fakekube.New(), newCanary()
	api := httptest.NewServer(s)
	t.Cleanup(func() { api.CloseClientConnections(); api.Close() })
	w.vars["API"] = api.URL
	const token = "the-token-of-a-service-account"
	c.add("the token", token)
	s.Require(token)
	w.put("token", token)
	w.configure(kubernetesConfig)
	store := func(value string) {
		c.add("a key", value)
		s.Put("llm", map[string][]byte{"key": []byte(value), "beside": []byte("it")}, "kubectl")
	}
	delivered := func(value string) func() error {
		return func() error {
			got, err := readEnv(w.path("sinks/app/app.env"))
			o, _ := s.Get("app-keys")
			if err != nil || got["LLM"] != "'"+value+"'" && got["LLM"] != value || string(o.Data["LLM"]) != value {
				return fmt.Errorf("the file has %d bytes, the Secret %d: %w", len(got["LLM"]), len(o.Data["LLM"]), errors.Join(err, errNotYet))
			}
			return nil
		}
	}

	value := w.newKey()
	store(value)
	w.start()
	w.until("the first key is delivered", patience, delivered(value))
	var took []time.Duration
	for range 5 {
		value = w.newKey()
		store(value)
		took = append(took, w.until("the next key is delivered", patience, delivered(value)))
	}
	slices.Sort(took)
	if took[2] > time.Second {
		t.Errorf("a rotation took %s at the median, of %v", took[2], took)
	}
	store("sk-ant-api03-" + "never-was-a-key-of-anybody-0123456789")
	w.awaitWebhook(alerts.Opened, key.CandidateRejected, "LLM")
	if err := delivered(value)(); err != nil {
		t.Error(err)
	}
	w.livekey("check")
	w.livekey("plan")
	w.daemon.signal(syscall.SIGTERM)
	for _, o := range w.printed {
		for _, found := range c.search(o.bytes) {
			t.Errorf("%s tells %s", o.where, found)
		}
	}
	for _, found := range c.searchTree(t, w.dir, "sinks", "source") {
		t.Errorf("on disk: %s", found)
	}
}
