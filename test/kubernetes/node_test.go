//go:build linux

package kubernetes

import (
	"testing"
	"time"
)

// The tests here stop what all pods need, so they run before those that are parallel.

func TestRestartOfTheKubelet(t *testing.T) {
	w := newWorld(t, "a kubelet that restarts leaves sidecar and app alone")
	old := w.newKey()
	p := w.podWith(old)
	w.until("the app has its key", p.saw(old))

	again := w.Stopped(t, "kubelet")
	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next}) // nobody writes it to the volume now
	calls := w.issuer.Calls(old)
	w.until("livekey goes on proving", func() error { return unless(w.issuer.Calls(old) > calls+1, "no call") })
	again()
	w.until("the app has the next key", p.saw(next))
	if p.restarts("app") != 0 || p.restarts("livekey") != 0 {
		t.Error("a container was started again")
	}
}

// apiOutage is how long nobody answers. After a minute the kubelet's own watch takes another to
// come back, and no pod of another test starts before.
const apiOutage = 20 * time.Second

func TestTheAPIServerIsDown(t *testing.T) {
	w := newWorld(t, "while the API server is down keys stay, are proved, and survive a kill of the sidecar")
	old := w.newKey()
	p := w.watched(old, "get", "watch")
	w.until("the app has its key", p.saw(old))
	pid := p.pid("livekey")

	again := w.Stopped(t, "kube-apiserver")
	down := time.Now()
	calls := w.issuer.Calls(old)
	w.until("livekey goes on proving", func() error { return unless(w.issuer.Calls(old) > calls+2, "no call") })
	w.Run(t, "/bin/kill", "-KILL", pid)
	calls = w.issuer.Calls(old)
	w.until("it does so after a kill", func() error { return unless(w.issuer.Calls(old) > calls+2, "no call") })
	w.during(apiOutage-time.Since(down), "without an API server", p.saw(old))

	again()
	next := w.newKey()
	w.until("the API server is back", func() error {
		_, err := w.Try("GET", "/readyz", "")
		return err
	})
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the app has the next key", p.saw(next))
	w.until("the restart is known", func() error { return unless(p.restarts("livekey") == 1, "not yet") })
	if p.restarts("app") != 0 {
		t.Error("the app was started again")
	}
}
