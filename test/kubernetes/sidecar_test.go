//go:build linux

package kubernetes

import (
	"net/http"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
)

func TestAppStartsOnceItsKeyIsProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "an app in a pod does not start before its keys are proved")
	dead := fakeissuer.NewAnthropicKey() // that no issuer knows
	p := w.podWith(dead)
	w.until("the sidecar asked the issuer", func() error { return unless(w.issuer.Calls(dead) > 0, "no call") })
	w.during(2*time.Second, "an app with a dead key", func() error {
		return unless(p.container("app").State.Running == nil && len(p.said()) == 0, "it has started")
	})

	live := w.newKey()
	w.secret(p.name, map[string]string{secretField: live})
	w.until("the app starts", p.started)
	w.until("the app has the key that lives", p.saw(live))
	w.until("the sidecar is ready", p.ready)
	if p.restarts("livekey") != 0 || p.restarts("app") != 0 {
		t.Error("a container had to be started again")
	}
}

func TestRotationOfASecretReachesTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a key that is rotated in a mounted Secret reaches the app")
	old := w.newKey()
	p := w.podWith(old)
	w.until("the app has its key", p.saw(old))

	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the app has the next key", p.saw(next))
	w.issuer.Revoke(old)
	w.during(2*time.Second, "after the old key was revoked", p.saw(next))
	if n := p.refused(); n != 0 {
		t.Errorf("%d calls of the app were refused", n)
	}
	if p.restarts("app") != 0 || p.restarts("livekey") != 0 {
		t.Error("a rotation restarted a container")
	}
}

func TestADeadCandidateStaysOutOfThePod(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a dead key in a Secret never reaches the app")
	live := w.newKey()
	p := w.podWith(live)
	w.until("the app has its key", p.saw(live))

	dead := fakeissuer.NewAnthropicKey()
	w.secret(p.name, map[string]string{secretField: dead})
	w.until("the sidecar alerts", p.opened("candidate_rejected"))
	w.during(2*time.Second, "with a dead candidate", p.saw(live))
	if err := p.ready(); err != nil {
		t.Errorf("a key that was refused makes the pod unready: %v", err)
	}
	for _, s := range p.said() {
		if s.Keys[variable] == fingerprint(dead) {
			t.Error("the app saw the dead key")
		}
	}
}

func TestARevokedKeyIsToldAndStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a key that is revoked under a pod opens an alert and restarts nothing")
	live := w.newKey()
	p := w.podWith(live)
	w.until("the app has its key", p.saw(live))

	w.issuer.Revoke(live)
	w.until("the sidecar alerts", p.opened("key_dead"))
	// Liveness asks each second: nothing of the above may count for it.
	w.during(3*time.Second, "with a dead key", p.saw(live))
	if p.restarts("app") != 0 || p.restarts("livekey") != 0 {
		t.Error("a dead key restarted a container")
	}

	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the app has the next key", p.saw(next))
}

func TestKillOfTheSidecar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a sidecar that is killed takes no key away, and goes on where it was")
	old := w.newKey()
	p := w.podWith(old)
	w.until("the app has its key", p.saw(old))

	p.kill("livekey")
	w.until("the sidecar is started again", func() error {
		return unless(p.restarts("livekey") == 1 && p.container("livekey").Ready, "not yet")
	})
	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the app has the next key", p.saw(next))
	if p.restarts("app") != 0 {
		t.Error("the app was started again")
	}
}

func TestKillOfTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "an app that is killed finds its keys when it starts again")
	live := w.newKey()
	p := w.podWith(live)
	w.until("the app has its key", p.saw(live))

	p.kill("app")
	w.until("the app is started again", func() error {
		starts := 0
		for _, s := range p.said() {
			if s.Event == "started" && s.Keys[variable] == fingerprint(live) {
				starts++
			}
		}
		return unless(starts == 2, "it started %d times with its key", starts)
	})
	if p.restarts("livekey") != 0 {
		t.Error("the sidecar was started again")
	}
}

func TestAnEvictedPodEndsWithItsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "of an evicted pod the sidecar ends last and cleans nothing that the app reads")
	live := w.newKey()
	p := w.pod(edited(t, podManifest, "args: [-file,", "args: [-drain, 1s, -file,"), config, map[string]string{secretField: live})
	w.until("the app has its key", p.saw(live))
	// Somebody holds on to the pod, so that what became of its containers can be seen.
	w.Must(t, http.MethodPatch, w.path("pods/"+p.name+"?fieldManager=holder"),
		"{apiVersion: v1, kind: Pod, metadata: {name: "+p.name+", finalizers: [example.com/hold]}}")
	t.Cleanup(func() {
		w.Must(t, http.MethodPatch, w.path("pods/"+p.name+"?fieldManager=holder"),
			"{apiVersion: v1, kind: Pod, metadata: {name: "+p.name+", finalizers: []}}")
	})

	w.Must(t, http.MethodPost, w.path("pods/"+p.name+"/eviction"),
		"{apiVersion: policy/v1, kind: Eviction, metadata: {name: "+p.name+"}}")
	w.until("both containers ended", func() error {
		return unless(p.container("app").State.Terminated != nil && p.container("livekey").State.Terminated != nil, "not yet")
	})
	for _, name := range []string{"app", "livekey"} {
		if code := p.container(name).State.Terminated.ExitCode; code != 0 {
			t.Errorf("%s ended with %d", name, code)
		}
	}
	all := p.said()
	last := all[len(all)-1]
	if last.Event != "stopped" || last.Keys[variable] != fingerprint(live) {
		t.Errorf("the app %s with %q: it had no keys to the end", last.Event, last.Keys[variable])
	}
	if !p.sidecarEnded().After(last.At) {
		t.Errorf("the sidecar ended at %s, the app at %s", p.sidecarEnded(), last.At)
	}
}
