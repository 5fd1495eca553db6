//go:build linux

package kubernetes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a sidecar may cost.
const (
	maxStartup  = time.Second // by which the app of a pod starts later
	maxRotation = time.Second // from a watched Secret to the app's file
	maxMemory   = 25 << 10    // KiB resident, with five keys
	rounds      = 5
)

// The figures are taken before tests run in parallel, on a cluster that does nothing else.
func TestAppStartsSoonWithASidecar(t *testing.T) {
	w := newWorld(t, "a sidecar makes the app of a pod start at most a second later")
	live := w.newKey()
	// The same pod without it: the app reads the Secret itself.
	before, rest, _ := strings.Cut(podManifest, "  initContainers:\n")
	_, rest, _ = strings.Cut(rest, "  containers:\n")
	alone := edited(t, before+"  containers:\n"+rest, "emptyDir: {medium: Memory, sizeLimit: 1Mi}", "secret: {secretName: $NAME}")

	var with, probed, without []time.Duration
	for range rounds {
		without = append(without, w.pod(alone, config, map[string]string{"app.env": variable + "=" + live}).startup())
		with = append(with, w.watched(live, "get", "watch").startup())
		probed = append(probed, w.podWith(live).startup())
	}
	more := median(with) - median(without)
	t.Logf("from the pod's creation to the app's start: %s with a sidecar, %s without; %s more (limit %s); %s where a probe holds it back",
		median(with), median(without), more, maxStartup, median(probed))
	if more > maxStartup {
		t.Errorf("with a sidecar the app starts %s later, limit %s: %s against %s", more, maxStartup, with, without)
	}
}

// startup is how long it took from the creation of a pod until its app ran; the pod is gone
// when it returns.
func (p *pod) startup() time.Duration {
	p.t.Helper()
	p.until("the app starts", p.started)
	took := p.said()[0].At.Sub(p.created).Round(time.Millisecond)
	p.delete()
	p.until("the pod is gone", func() error {
		_, err := p.containers()
		return unless(err != nil, "it is still there")
	})
	return took
}

func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

func TestMemoryOfASidecar(t *testing.T) {
	w := newWorld(t, "a sidecar with five keys takes 25 MB at most")
	fields, keys := map[string]string{}, ""
	for i := range 5 {
		name := fmt.Sprintf("KEY_%d", i)
		fields[name] = w.newKey()
		keys += fmt.Sprintf("  %s: {from: \"file://%s\", provider: anthropic, base_url: $ISSUER}\n", name, name)
	}
	before, rest, _ := strings.Cut(config, "keys:\n")
	_, rest, _ = strings.Cut(rest, "sinks:\n")
	p := w.pod(podManifest, before+"keys:\n"+keys+"sinks:\n"+rest, fields)
	w.until("the app starts", p.started)
	// Every key is proved some times, and one is rotated: what that takes stays.
	fields["KEY_0"] = w.newKey()
	w.secret(p.name, fields)
	w.until("a rotation is over", func() error { return unless(w.issuer.Calls(fields["KEY_0"]) > 3, "no call") })

	for line := range strings.Lines(w.Run(t, "cat", "/proc/"+p.pid("livekey")+"/status")) {
		if text, found := strings.CutPrefix(line, "VmRSS:"); found {
			size, err := strconv.Atoi(strings.Fields(text)[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("a sidecar with five keys has %d KiB resident (limit %d)", size, maxMemory)
			if size > maxMemory {
				t.Errorf("a sidecar with five keys has %d KiB resident, limit %d", size, maxMemory)
			}
			return
		}
	}
	t.Fatal("the kernel does not say how much memory livekey has")
}

func TestRotationOfAWatchedSecretIsQuick(t *testing.T) {
	w := newWorld(t, "a rotation in a watched Secret reaches the app's file within a second")
	p := w.watched(w.newKey(), "get", "watch")
	w.until("the app starts", p.started)
	var took []time.Duration
	for range 3 * rounds {
		next := w.newKey()
		rotated := time.Now()
		w.secret(p.name, map[string]string{secretField: next})
		w.until("the app has the next key", p.saw(next))
		for _, s := range p.said() {
			if s.Event == "read" && s.Keys[variable] == fingerprint(next) {
				took = append(took, s.At.Sub(rotated).Round(time.Millisecond))
			}
		}
	}
	t.Logf("from the Secret to the app's file: %s at the median, %s at most (limit %s at the median)", median(took), slices.Max(took), maxRotation)
	if median(took) > maxRotation {
		t.Errorf("a rotation takes %s at the median, limit %s: %s", median(took), maxRotation, took)
	}
	if n := p.refused(); n != 0 {
		t.Errorf("%d calls of the app were refused", n)
	}
}
