//go:build linux

package kubernetes

import (
	"testing"
)

func TestHoldersAcrossThePod(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "with shareProcessNamespace the sidecar sees who was started with which version")
	old := w.newKey()
	p := w.pod(edited(t, podManifest,
		"  hostNetwork: true\n", "  hostNetwork: true\n  shareProcessNamespace: true\n",
		"args: [-file,", "args: [-export, -file,",
	), config, map[string]string{secretField: old})
	w.until("the app has its key", p.saw(old))
	w.until("it holds the current version", p.holds("current"))

	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	w.until("the file has the next key", p.saw(next))
	// The app reads its file anew, but what it was started with stays.
	w.until("it holds the previous version", p.holds("previous"))

	p.kill("app")
	w.until("once started again it holds the current one", p.holds("current"))
}

// holds says whether livekey in the pod sees the app with a version of one stage.
func (p *pod) holds(stage string) func() error {
	return func() error {
		var seen struct {
			Holders []struct{ Key, Stage, Command, Pod string }
		}
		if err := p.livekey(&seen, "who-has"); err != nil {
			return err
		}
		for _, h := range seen.Holders {
			if h.Key == variable && h.Command == "app" && h.Stage == stage && h.Pod == p.space+"/"+p.name {
				return nil
			}
		}
		return unless(false, "who-has sees %+v", seen.Holders)
	}
}
