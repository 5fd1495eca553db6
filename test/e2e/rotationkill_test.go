package e2e

import (
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/test/need"
)

// firstSignal starts a supervisor and livekey, and waits until the first delivery was told.
func firstSignal(w *world) (*supervisor, string) {
	w.t.Helper()
	w.configure("keys:\n" + fileKey("A") + oneSink)
	first := w.newKey()
	w.put("A", first)
	s := w.supervise()
	w.start().awaitReady()
	w.until("the first delivery is told", patience, s.told(1))
	w.until("the child has it", patience, s.runsWith(first))
	w.until("nothing is owed", patience, w.owed(false))
	return s, first
}

// What a delivery owes is not lost with the process that owes it: neither the reload, nor
// the alert that somebody holds a key which is dead already.
func TestKilledBetweenDeliveryAndReload(t *testing.T) {
	need.All(t, "P9: a reload is owed until the journal says that it ended", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.gather(100*time.Millisecond, 100*time.Millisecond)
	s, first := firstSignal(w)
	holder := s.child()
	again := func(gather time.Duration) {
		w.daemon.kill()
		w.gather(gather, 100*time.Millisecond)
		w.configure("keys:\n" + fileKey("A") + oneSink)
		w.start().awaitReady()
	}
	again(3 * time.Second) // long enough to be killed meanwhile

	second := w.newKey()
	w.put("A", second)
	w.until("the sink has the second version", patience, has(w, second))
	w.until("a reload is owed", patience, w.owed(true))
	w.issuer.Revoke(first)
	id := w.awaitWebhook(alerts.Opened, key.RevokedEarly, "A")
	must(t, s.told(1)()) // or the machine is too slow for this test
	must(t, s.runsWith(first)())

	again(2 * time.Second)
	a, err := w.openAlert(key.RevokedEarly, "A")
	if err != nil || a.ID != id {
		t.Errorf("the alert has the id %q, it was %q (%v)", a.ID, id, err)
	}
	w.until("the reload that was owed", patience, s.told(2))
	w.until("the child has the second version", patience, s.runsWith(second))
	if resolved := w.awaitWebhook(alerts.Resolved, key.RevokedEarly, "A"); resolved != id {
		t.Errorf("resolved under the id %q, opened under %q", resolved, id)
	}
	if now := s.child(); now == holder {
		t.Error("the old child still runs")
	}
	w.until("nothing is owed", patience, w.owed(false))

	// Nothing is owed any more, and so nothing is told.
	again(100 * time.Millisecond)
	w.throughout("a start with nothing new", time.Second, s.told(2))
}

// The signal was sent, and nobody has yet seen what came of it.
func TestKilledBetweenReloadAndAdoption(t *testing.T) {
	need.All(t, "P9: at least one reload, and its adoption is seen by whoever comes next", need.Linux)
	for _, tc := range []struct {
		rule   string
		settle time.Duration // of the consumer: until it is over the reload has not ended
		most   int           // signals for the second version
	}{
		{"before the reload has ended it is owed, and done again", 1500 * time.Millisecond, 2},
		{"after it has ended it is not done again", 50 * time.Millisecond, 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.gather(100*time.Millisecond, tc.settle)
			s, _ := firstSignal(w)

			second := w.newKey()
			w.put("A", second)
			w.until("it is told", patience, s.told(2))
			if tc.most == 1 {
				w.until("the reload has ended", patience, w.owed(false))
			}
			w.daemon.kill()
			w.until("the child has it", patience, s.runsWith(second))
			w.start().awaitReady()
			w.until("what is owed is done", patience, w.owed(false))
			must(t, s.told(1+tc.most)())
			w.until("its adoption is seen", patience, w.hasAdopted("/sleep"))
			must(t, w.sees(s.child(), report.HeldCurrent)())
			w.throughout("and nothing more", time.Second, s.told(1+tc.most))
		})
	}
}

// has says whether the env file holds A with a value, and nothing else.
func has(w *world, value string) func() error {
	return func() error {
		env, err := readEnv(w.path("sinks/app/app.env"))
		if err != nil {
			return err
		}
		return differs("env file", env, map[string]string{"A": value})
	}
}
