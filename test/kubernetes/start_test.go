//go:build linux

package kubernetes

import (
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// probes are the lines of pod.yaml that a plain init container may not have.
const (
	restartLine   = "      restartPolicy: Always\n"
	startupLine   = "      startupProbe: {httpGet: {path: /ready, port: $PORT}, periodSeconds: 1, failureThreshold: 600}\n"
	livenessLine  = "      livenessProbe: {httpGet: {path: /live, port: $PORT}, periodSeconds: 1}\n"
	readinessLine = "      readinessProbe: {httpGet: {path: /ready, port: $PORT}, periodSeconds: 1}\n"
)

func TestOnceIsAPlainInitContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "livekey once holds the app back in clusters without native sidecars")
	manifest := edited(t, podManifest, restartLine, "", startupLine, "", livenessLine, "", readinessLine, "", "[run,", "[once,")
	dead := fakeissuer.NewAnthropicKey()
	p := w.pod(manifest, config, map[string]string{secretField: dead})
	w.until("once ends with a dead key", func() error {
		c := p.container("livekey")
		for _, e := range []*ended{c.State.Terminated, c.LastState.Terminated} {
			if e != nil {
				return unless(e.ExitCode == 3, "it ended with %d, want 3", e.ExitCode)
			}
		}
		return unless(false, "it has not ended")
	})
	if len(p.said()) > 0 {
		t.Error("the app started although its key is dead")
	}

	live := w.newKey()
	w.secret(p.name, map[string]string{secretField: live})
	w.until("the app has the key that lives", p.saw(live))
	w.during(2*time.Second, "once the init container is over", p.saw(live))
}
