//go:build linux

package kubernetes

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/kubernetes/cluster"
)

const patience = 60 * time.Second // a loaded machine is no broken promise

var account = fakeissuer.Account{Organization: "0b9f3a52-6f3a-4f0e-9d1c-e2e0c0ffee01", Workspace: "wrkspc_01Ours"}

//go:embed pod.yaml
var podManifest string

// config is the sidecar's, for one key in a mounted Secret. Times are short, which is allowed because the issuer is
// on loopback.
const config = `
sources: {file: {path: /etc/keys}}
keys:
  ANTHROPIC_API_KEY: {from: "file://anthropic", provider: anthropic, base_url: $ISSUER}
sinks:
  app: {kind: env_file, path: /run/livekey/app.env, dialect: docker, require_tmpfs: true, allow_unsafe_dir: true, keys: all}
policy: {refresh: 200ms, probe: 1s, confirm: {times: 3, over: 600ms}, budget: 1000000}
startup_wait: 3s
state_dir: /dev/shm/livekey
socket: /run/livekey/livekey.sock
metrics: 0.0.0.0:$PORT
log: {format: json}
`

// variable is the one key's, secretField where its value is in the Secret.
const variable, secretField = "ANTHROPIC_API_KEY", "anthropic"

// A world is a namespace of its own, and an issuer that pods can reach.
type world struct {
	*cluster.Cluster

	t      testing.TB
	space  string // the namespace
	issuer *fakeissuer.Issuer
	url    string // of the issuer
}

// worlds counts namespaces, and ports counts those of sidecars: pods share the node's network.
var worlds, ports atomic.Int64

func newWorld(t *testing.T, promise string) *world {
	t.Helper()
	w := &world{Cluster: cluster.Boot(t, promise), t: t, space: fmt.Sprintf("test-%d", worlds.Add(1)), issuer: fakeissuer.New()}
	w.url = w.serve(w.issuer)
	w.Must(t, http.MethodPost, "/api/v1/namespaces", "{apiVersion: v1, kind: Namespace, metadata: {name: "+w.space+"}}")
	// Without these, which controllers make, a pod is refused or waits for a volume.
	for _, path := range []string{"serviceaccounts/default", "configmaps/kube-root-ca.crt"} {
		w.until("the namespace has its "+path, func() error { return w.Get(w.path(path), new(map[string]any)) })
	}
	return w
}

// serve serves on loopback of the cluster until the test ends.
func (w *world) serve(h http.Handler) (url string) {
	w.t.Helper()
	l := w.Listen(w.t)
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with Close
	}()
	w.t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

// path is that of something in the world's namespace: "pods/app".
func (w *world) path(of string) string { return "/api/v1/namespaces/" + w.space + "/" + of }

// newKey makes up a key that the issuer knows.
func (w *world) newKey() string {
	v := fakeissuer.NewAnthropicKey()
	w.issuer.Add(v, account)
	return v
}

// secret makes a Secret what fields say, as those do who own it.
func (w *world) secret(name string, fields map[string]string) {
	w.t.Helper()
	var data strings.Builder
	for field, value := range fields {
		fmt.Fprintf(&data, "  %s: %s\n", field, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	w.Must(w.t, http.MethodPatch, w.path("secrets/"+name+"?fieldManager=owner&force=true"),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: "+name+"}\ndata:\n"+data.String())
}

// configMap makes the ConfigMap that a sidecar has its config from.
func (w *world) configMap(name, config string) {
	w.t.Helper()
	w.Must(w.t, http.MethodPost, w.path("configmaps"),
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+"}\ndata:\n  livekey.yaml: |\n"+indented(config, 4))
}

func indented(text string, by int) string {
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+pad) + "\n"
}

// edited is text with each old replaced by what follows it; an old that is not there is a
// mistake of the test.
func edited(t testing.TB, text string, oldNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("nothing to edit: there is no %q", oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return text
}

// until looks again and again until look finds nothing wrong.
func (w *world) until(what string, look func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = look(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: not within %s: %v", what, patience, err)
}

// during looks for a while, in which nothing may be wrong.
func (w *world) during(d time.Duration, what string, look func() error) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := look(); err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
	}
}

// unless is an error with a text unless ok.
func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
