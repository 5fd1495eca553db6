package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/reload"
)

func named(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i+1)
	}
	return all
}

var errCrash = errors.New("it is failed after 2s: exit-code")

func TestAtTheFourthOfTenThatFailsTheRestAreLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers(named("u", 10)...)
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		c[3].fail(func(has map[string]string) error {
			if has["K"] != "v1" {
				return errCrash
			}
			return nil
		})
		w.issue("v2")
		pass(time.Hour)
		wantTimes(t, c, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1)
		if !slices.IsSortedFunc(c[:4], func(a, b *fakeConsumer) int { return a.at[1].Compare(b.at[1]) }) {
			t.Error("they were not told in order")
		}
		owes, why := w.owes()
		if !owes || !strings.Contains(why, "unit u4: "+errCrash.Error()) {
			t.Errorf("status: owed %t, %q", owes, why)
		}
		open := w.e.Status().Alerts
		if len(open) == 0 || open[0].Cause != key.ReloadFailed || open[0].Severity != key.Critical {
			t.Fatalf("open: %+v", open)
		}
		for field, want := range map[string]string{
			"consumer": "unit u4", "told": "unit u1, unit u2, unit u3", "detail": errCrash.Error(),
			"left_alone": "unit u5, unit u6, unit u7, unit u8, unit u9, unit u10",
		} {
			if got := open[0].Evidence[field]; got != want {
				t.Errorf("evidence %s: %q, want %q", field, got, want)
			}
		}

		if a := open[0]; a.Summary != "sink app: unit u4 did not come back with the new K; the rest are left alone: "+errCrash.Error() ||
			!slices.Equal(a.Actions, []string{"see what it says: systemctl status u4; journalctl -u u4 -n 50", "then tell them again: livekey refresh K"}) {
			t.Errorf("%q, %q", a.Summary, a.Actions)
		}

		c[3].fail(nil) // somebody repairs it, and says so
		if err := w.e.Refresh(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantTimes(t, c, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2)
		for _, a := range w.e.Status().Alerts {
			if a.Cause == key.ReloadFailed {
				t.Errorf("still open: %+v", a)
			}
		}
	})
}

func TestAConsumerThatDidNotComeBackIsNotToldAgainByItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a")
		c[0].fail(func(map[string]string) error { return errCrash })
		w.issue("v1")
		w.start()
		pass(24 * time.Hour)
		wantTimes(t, c, 1)
		w.stop()
		w.start() // nor by a restart
		defer w.stop()
		pass(24 * time.Hour)
		wantTimes(t, c, 1)
		c[0].fail(nil)
		w.issue("v2") // another content is another matter
		pass(time.Hour)
		wantTimes(t, c, 2)
	})
}

func TestWhereNobodyCanTellItIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers("a", "b")
		c[0].fail(func(map[string]string) error { return fmt.Errorf("%w: no bus", reload.ErrUnasked) })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Hour)
		if n := c[0].times(); n < 4 || n > 20 {
			t.Errorf("tried %d times within an hour", n)
		}
		if owes, why := w.owes(); !owes || !strings.Contains(why, "no bus") {
			t.Errorf("status: owed %t, %q", owes, why)
		}
		c[0].fail(nil)
		pass(time.Hour)
		if c[1].times() != 1 {
			t.Errorf("the next was told %d times", c[1].times())
		}
		w.wantStory("opened reload_failed", "resolved reload_failed")
	})
}

// A version that a consumer does not come back with gives way to the one before, and
// only those who had heard of it are told again.
func TestAVersionThatConsumersFailOnIsReverted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.consumers(named("u", 5)...)
		w.waits(func(o *OnChange) { o.Revert = true })
		w.issue("v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		c[2].fail(func(has map[string]string) error {
			if has["K"] == "v2" {
				return errCrash
			}
			return nil
		})
		w.issue("v2")
		pass(5 * time.Minute)
		w.wantSink("v1")
		wantTimes(t, c, 3, 3, 3, 1, 1)
		for _, one := range c {
			if one.has["K"] != "v1" {
				t.Errorf("%s has %q", one.name, one.has["K"])
			}
		}
		k := w.e.Status().Keys[0]
		if k.Candidate == nil || k.Candidate.HeldBy != "failed" || k.Sinks[0].ReloadOwed {
			t.Errorf("candidate %+v, sink %+v", k.Candidate, k.Sinks[0])
		}
		for _, a := range w.e.Status().Alerts {
			if a.Cause == key.ReloadFailed {
				t.Errorf("still open: %+v", a)
			}
		}
		pass(24 * time.Hour) // it is not delivered again by itself
		w.wantSink("v1")
		wantTimes(t, c, 3, 3, 3, 1, 1)
		w.issue("v3") // a new version is another matter
		pass(5 * time.Minute)
		w.wantSink("v3")
		wantTimes(t, c, 4, 4, 4, 2, 2)
	})
}
