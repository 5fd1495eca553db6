//go:build linux

package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/chart"
	"github.com/livekey/livekey/test/servers"
)

const chartDir = "../../deploy/helm/livekey"

// chartValues are those of a release that proves the Secret llm of its own namespace, and lets
// workloads have what lives as llm-proved. Pods of this cluster have the host's network, so one
// is all that its node can have.
const chartValues = `
mode: cluster
image: {repository: localhost/livekey, tag: dev, pullPolicy: Never}
hostNetwork: true
replicas: 1
secrets:
  - {name: llm, gate: true}
config:
  keys:
    ANTHROPIC_API_KEY: {from: "kubernetes://llm#anthropic", provider: anthropic, base_url: $ISSUER}
  sinks:
    proved: {kind: kubernetes_secret, name: llm-proved, keys: all}
  alerts: {kubernetes_events: {}}
  policy: {probe: 1s, confirm: {times: 3, over: 600ms}, budget: 1000000}
  startup_wait: 3s
  metrics: 0.0.0.0:$PORT
`

// helm runs helm in the cluster, for the world's namespace, with values; it returns what helm prints.
func (w *world) helm(values, verb, release, chart string, args ...string) string {
	w.t.Helper()
	helm, err := servers.BuildHelm()
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if chart, err = filepath.Abs(chart); err != nil {
		w.t.Fatal(err)
	}
	return w.Run(w.t, append([]string{helm, verb, release, chart, "--namespace", w.space, "--values", file}, args...)...)
}

// proved says whether the Secret that workloads mount has a value.
func (w *world) proved(value string) func() error {
	return func() error {
		var s struct{ Data map[string]string }
		if err := w.Get(w.path("secrets/llm-proved"), &s); err != nil {
			return err
		}
		is, err := base64.StdEncoding.DecodeString(s.Data[variable])
		return unless(err == nil && string(is) == value, "llm-proved has %q of %s", fingerprint(string(is)), variable)
	}
}

// groups are those of resources that are not in the API's first.
var groups = map[string]string{"leases": "coordination.k8s.io"}

// may asks the API server what the account of the release may do.
func (w *world) may(verb, resource, name string) bool {
	w.t.Helper()
	text, err := w.Try(http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", fmt.Sprintf(`
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec:
  user: system:serviceaccount:%s:livekey
  groups: [system:serviceaccounts, system:authenticated]
  resourceAttributes: {namespace: %s, verb: %s, group: %q, resource: %s, name: %q}
`, w.space, w.space, verb, groups[resource], resource, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(string(text), `"allowed":true`)
}

func TestTheChartLetsThroughWhatLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "the chart, installed by helm with no rights but its own, gates the rotation of a Secret")
	old := w.newKey()
	w.secret("llm", map[string]string{secretField: old})
	t.Cleanup(func() {
		for _, name := range w.podsOf("app.kubernetes.io/name%3Dlivekey") {
			if t.Failed() {
				t.Log((&pod{world: w, name: name}).story())
			}
		}
	})
	release := func(verb string) {
		port := strconv.FormatInt(20000+ports.Add(1), 10) // another one, for the network is shared
		values := strings.NewReplacer("$ISSUER", w.url, "$PORT", port).Replace(chartValues)
		w.helm(values, verb, "livekey", chartDir, "--wait", "--timeout", patience.String())
	}
	release("install")
	if err := w.proved(old)(); err != nil {
		t.Errorf("the pod is ready, and its key not there: %v", err)
	}

	dead := fakeissuer.NewAnthropicKey()
	w.secret("llm", map[string]string{secretField: dead})
	w.until("the dead key was tried", func() error { return unless(w.issuer.Calls(dead) > 0, "no call") })
	w.until("the Secret has an Event of it", func() error {
		text, err := w.Try(http.MethodGet, w.path("events?fieldSelector=involvedObject.name%3Dllm,reason%3DCandidateRejected"), "")
		return errors.Join(err, unless(strings.Contains(string(text), "CandidateRejected"), "there is none"))
	})
	w.during(2*time.Second, "with a dead candidate", w.proved(old))

	next := w.newKey()
	began := time.Now()
	w.secret("llm", map[string]string{secretField: next})
	w.until("the proved Secret has the next key", w.proved(next))
	t.Logf("from the change of the Secret to the proved one: %s", time.Since(began).Round(time.Millisecond))

	// The new pod is ready while the old one works, takes the Lease from it and goes on.
	release("upgrade")
	if err := w.proved(next)(); err != nil {
		t.Errorf("after the upgrade: %v", err)
	}
	last := w.newKey()
	w.secret("llm", map[string]string{secretField: last})
	w.until("the new pod goes on", w.proved(last))

	for _, tt := range []struct {
		verb, resource, name string
		want                 bool
	}{
		{"get", "secrets", "llm", true},
		{"watch", "secrets", "llm", true},
		{"patch", "secrets", "llm-proved", true},
		{"patch", "secrets", "llm", false},
		{"get", "secrets", "other", false},
		{"list", "secrets", "", false},
		{"create", "secrets", "", false},
		{"delete", "secrets", "llm-proved", false},
		{"get", "configmaps", "", false},
		{"create", "pods", "", false},
		{"create", "events", "", true},
		{"list", "events", "", false},
		{"update", "leases", "livekey", true},
		{"update", "leases", "other", false},
		{"create", "leases", "", false},
	} {
		if w.may(tt.verb, tt.resource, tt.name) != tt.want {
			t.Errorf("may %s %s %s: not %t", tt.verb, tt.resource, tt.name, tt.want)
		}
	}
}

// sidecarValues are those of the chart of an app that has livekey as a dependency.
const sidecarValues = `
livekey:
  mode: sidecar
  sidecar: {hold: $HOLD, timeout: 5s}
  image: {repository: localhost/livekey, tag: dev, pullPolicy: Never}
  config:
    sources: {file: {path: /etc/livekey/keys}}
    keys: {ANTHROPIC_API_KEY: {from: "file://anthropic", provider: anthropic, base_url: $ISSUER}}
    sinks:
      app: {kind: directory, path: /run/livekey/keys, require_tmpfs: true, allow_unsafe_dir: true, keys: all}
    policy: {refresh: 200ms, probe: 1s, confirm: {times: 3, over: 600ms}, budget: 1000000}
    startup_wait: 3s
    metrics: 0.0.0.0:$PORT
  volumes: [{name: llm, secret: {secretName: llm}}]
  volumeMounts: [{name: llm, mountPath: /etc/livekey/keys, readOnly: true}]
`

// What the chart gives another chart runs as it is rendered: the test puts in an app that there is,
// and the network that pods of this cluster have.
func TestTheSidecarOfTheChartStartsBeforeItsApp(t *testing.T) {
	t.Parallel()
	for _, hold := range []string{"command", "probe"} {
		t.Run(hold, func(t *testing.T) {
			t.Parallel()
			testSidecarOfTheChart(t, hold)
		})
	}
}

func testSidecarOfTheChart(t *testing.T, hold string) {
	t.Helper()
	w := newWorld(t, "the sidecar that the chart renders holds the app back until its keys are proved")
	dir := t.TempDir()
	if err := chart.App(dir); err != nil {
		t.Fatal(err)
	}
	p := &pod{world: w, name: "app", port: strconv.FormatInt(20000+ports.Add(1), 10)}
	values := strings.NewReplacer("$ISSUER", w.url, "$PORT", p.port, "$HOLD", hold).Replace(sidecarValues)
	rendered := edited(t, w.helm(values, "template", p.name, dir),
		"image: example.com/app:1.0", "image: localhost/app:dev\n          imagePullPolicy: Never\n          args: [-file, /run/livekey/keys, -issuer, "+strconv.Quote(w.url)+"]",
		"automountServiceAccountToken: false", "automountServiceAccountToken: false\n      hostNetwork: true")

	dead, live := fakeissuer.NewAnthropicKey(), w.newKey()
	w.secret("llm", map[string]string{secretField: dead})
	for object := range strings.SplitSeq(rendered, "\n---\n") {
		of := "/apis/apps/v1/namespaces/" + w.space + "/deployments"
		if strings.Contains(object, "\nkind: ConfigMap\n") {
			of = w.path("configmaps")
		}
		w.Must(t, http.MethodPost, of, object)
	}
	w.until("there is a pod", func() error {
		names := w.podsOf("app%3Dapp")
		p.name = strings.Join(names, " ")
		return unless(len(names) == 1, "there are %q", names)
	})
	w.until("the sidecar asked the issuer", func() error { return unless(w.issuer.Calls(dead) > 0, "no call") })
	w.during(2*time.Second, "an app with a dead key", func() error { return unless(len(p.said()) == 0, "it has started") })

	w.secret("llm", map[string]string{secretField: live})
	w.until("the app has the key that lives", p.saw(live))
	w.until("the sidecar is ready", p.ready)
	if hold == "probe" && p.restarts("livekey") != 0 || p.restarts("app") != 0 {
		t.Error("a container had to be started again")
	}
}

// podsOf are the names of the pods with a label, written as in a URL.
func (w *world) podsOf(label string) (names []string) {
	var found struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if err := w.Get(w.path("pods?labelSelector="+label), &found); err != nil {
		w.t.Error(err)
	}
	for _, pod := range found.Items {
		names = append(names, pod.Metadata.Name)
	}
	return names
}
