package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// What another livekey has delivered is current for the one that takes over.
func TestAnHeirBeginsWithWhatTheSinksHave(t *testing.T) {
	for rule, c := range map[string]struct {
		heir           bool
		app, web       string // what the sinks have
		marked         bool
		current, asked bool
	}{
		"what both have is current, and is asked about":     {true, "old", "old", true, true, true},
		"one that is empty lacks it":                        {true, "old", "", true, true, true},
		"two that differ were left in a rotation":           {true, "old", "other", true, false, false},
		"what is not livekey's is nobody's to take":         {true, "old", "old", false, false, false},
		"who inherits nothing believes the journal, as yet": {false, "old", "old", true, false, false},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "K")
				w.sinks["web"] = &fakeSink{}
				for name, value := range map[string]string{"app": c.app, "web": c.web} {
					if value != "" {
						w.sinks[name].set(map[string]string{"K": value}, c.marked)
						w.issuer.is(value, key.Live, key.Valid, "ours")
					}
				}
				w.source.set("K", "dead")
				w.setup = func(o *Options) { o.Heir = c.heir }
				w.start()
				defer func() { w.stop() }()
				time.Sleep(10 * time.Second)
				k := w.e.Status().Keys[0]
				if current := k.Current != nil && k.Current.Outcome == key.Live; current != c.current || (w.issuer.count("old") > 0) != c.asked {
					t.Errorf("current %+v, asked %d times", k.Current, w.issuer.count("old"))
				}
				if app := w.sinks["app"].get("K"); app != c.app {
					t.Errorf("the sink has %q now", app)
				}
				if web := w.sinks["web"].get("K"); c.current && web != "old" {
					t.Errorf("the empty sink has %q", web)
				}
			})
		})
	}
}
