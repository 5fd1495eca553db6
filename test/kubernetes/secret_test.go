//go:build linux

package kubernetes

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// Every character that the dialect carries and another reader would take for its own.
const hardValue = "two lines\n  #no comment \"quoted\" $(NOT) ${THIS} \\n \\ = `x` äöü\tend "

func TestTheKubeletReadsItsEnvFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "the env file's dialect kubernetes is what a kubelet reads for fileKeyRef, byte for byte")
	p := w.pod(edited(t, podManifest,
		"args: [-file, /run/livekey/app.env, -issuer, \"$ISSUER\"]\n",
		"args: [-env, RENAMED]\n      env: [{name: RENAMED, valueFrom: {fileKeyRef: {volumeName: run, path: app.env, key: HARD}}}]\n",
	), edited(t, config,
		"keys:\n", "keys:\n  HARD: {from: \"file://hard\", provider: none, form: text, lint: {allow: [blanks, inner_blank, unexpanded_variable, escaped_newline, control, non_ascii]}}\n",
		"dialect: docker", "dialect: kubernetes",
	), map[string]string{secretField: w.newKey(), "hard": hardValue})
	w.until("the app starts", p.started)
	if got := p.said()[0].Keys["RENAMED"]; got != fingerprint(hardValue) {
		t.Errorf("the app has %q, want the value as it is in the Secret", got)
	}
}

func TestProvedKeysGoIntoASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubernetes_secret writes proved keys into a Secret, its own entries and no others")
	sink := "delivered"
	w.Must(t, http.MethodPost, w.path("secrets"), "{apiVersion: v1, kind: Secret, metadata: {name: "+sink+"}, data: {OTHER: b3RoZXI=}}")
	old := w.newKey()
	p := w.reserve()
	p.allow("get", "watch")
	p.allowOn(sink, "get", "patch")
	p.create(edited(t, podManifest, startupLine, hookLine, mountLine, "", "automountServiceAccountToken: false", "automountServiceAccountToken: true",
		"/run/livekey/app.env", "/run/livekey"),
		edited(t, config, fromFile, fromAPI,
			"kind: env_file, path: /run/livekey/app.env, dialect: docker, require_tmpfs: true, allow_unsafe_dir: true",
			"kind: kubernetes_secret, name: "+sink),
		map[string]string{secretField: old})
	w.until("the Secret has the key", w.secretHas(sink, map[string]string{variable: old, "OTHER": "other"}))

	dead := fakeissuer.NewAnthropicKey()
	w.secret(p.name, map[string]string{secretField: dead})
	w.until("the sidecar alerts", p.opened("candidate_rejected"))
	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the Secret has the next key", w.secretHas(sink, map[string]string{variable: next, "OTHER": "other"}))

	// Somebody else takes the entry: it is not taken back by force.
	w.secret(sink, map[string]string{variable: "theirs"})
	w.secret(p.name, map[string]string{secretField: w.newKey()})
	w.until("the sidecar alerts", p.opened("sink_failed"))
	if err := w.secretHas(sink, map[string]string{variable: "theirs", "OTHER": "other"})(); err != nil {
		t.Error(err)
	}
}

// secretHas says whether a Secret has these entries and no others.
func (w *world) secretHas(name string, want map[string]string) func() error {
	return func() error {
		var found struct{ Data map[string]string }
		if err := w.Get(w.path("secrets/"+name), &found); err != nil {
			return err
		}
		encoded := map[string]string{}
		for field, value := range want {
			encoded[field] = base64.StdEncoding.EncodeToString([]byte(value))
		}
		fields := slices.Sorted(maps.Keys(found.Data))
		return unless(maps.Equal(found.Data, encoded), "%s has %s, whose values may be others", name, strings.Join(fields, " "))
	}
}
