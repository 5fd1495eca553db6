//go:build linux

package kubernetes

import (
	"bytes"
	"encoding/json"
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

// At a start nobody may wait for an issuer that does not answer longer than startup_wait.
func TestAPodStartsDuringAnOutageOfOneIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a pod starts during the outage of one issuer, its other keys proved")
	outage := fakeissuer.New()
	outage.Mode(fakeissuer.Slow)
	url := w.serve(outage)
	live, unknown := w.newKey(), fakeissuer.NewAnthropicKey()
	p := w.pod(podManifest, edited(t, config,
		"keys:\n", "keys:\n  OTHER_KEY: {from: \"file://other\", provider: anthropic, base_url: "+url+"}\n",
		"policy: {", "policy: {on_unknown: publish_if_empty, ",
	), map[string]string{secretField: live, "other": unknown})
	w.until("the app starts", p.started)
	w.until("the app has the key that lives", p.saw(live))

	const startupWait, more = 3 * time.Second, 2 * time.Second
	took := p.said()[0].At.Sub(p.sidecarStarted())
	t.Logf("the app started %s after livekey, %s after its pod was created", took.Round(time.Millisecond), p.said()[0].At.Sub(p.created).Round(time.Millisecond))
	if took > startupWait+more {
		t.Errorf("the app started %s after livekey, want %s at most", took, startupWait+more)
	}
	if got := p.said()[0].Keys["OTHER_KEY"]; got != fingerprint(unknown) {
		t.Errorf("the app has %q of the key that nobody can judge", got)
	}
	var status struct {
		Keys []struct {
			Name    string
			Current struct{ Outcome, Unproved string }
		}
	}
	if err := p.livekey(&status, "status"); err != nil {
		t.Fatal(err)
	}
	for _, k := range status.Keys {
		if proved := k.Current.Outcome == "live" && k.Current.Unproved == ""; proved != (k.Name == variable) {
			t.Errorf("%s is %q, unproved %q", k.Name, k.Current.Outcome, k.Current.Unproved)
		}
	}
	w.until("the sidecar alerts", p.opened("candidate_unproved"))

	outage.Add(unknown, account)
	outage.Mode(fakeissuer.Healthy)
	w.until("the alert is over", p.closed("candidate_unproved"))
}

// sidecarStarted is when livekey began, by its first line.
func (p *pod) sidecarStarted() time.Time {
	p.t.Helper()
	first, _, _ := bytes.Cut(p.log("livekey"), []byte("\n"))
	return p.timeOf(first)
}

// sidecarEnded is when livekey said the last that it said.
func (p *pod) sidecarEnded() time.Time {
	p.t.Helper()
	lines := bytes.Split(bytes.TrimSpace(p.log("livekey")), []byte("\n"))
	return p.timeOf(lines[len(lines)-1])
}

// timeOf is when livekey said a line.
func (p *pod) timeOf(said []byte) time.Time {
	p.t.Helper()
	var line struct{ Time time.Time }
	if err := json.Unmarshal(said, &line); err != nil {
		p.t.Fatal(err)
	}
	return line.Time
}

func TestAReadOnlyVolumeIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a volume that livekey may not write to is named, and the app does not start")
	manifest := edited(t, podManifest, "- {name: run, mountPath: /run/livekey}\n", "- {name: run, mountPath: /run/livekey, readOnly: true}\n")
	p := w.pod(manifest, edited(t, config, "socket: /run/livekey/", "socket: /dev/shm/"), map[string]string{secretField: w.newKey()})
	w.until("the sidecar says why", func() error {
		log := p.log("livekey")
		return unless(bytes.Contains(log, []byte("/run/livekey")) && bytes.Contains(log, []byte("read-only file system")), "it says %s", log)
	})
	w.during(time.Second, "without a sink", func() error { return unless(len(p.said()) == 0, "the app has started") })
}
