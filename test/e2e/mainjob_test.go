package e2e

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

func TestTheMainJobFromAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + fileKey("B") + twoSinks)
	want := map[string]string{"A": w.newKey(), "B": w.newKey()}
	w.put("A", want["A"])
	w.put("B", want["B"])
	d := w.start()
	d.awaitReady()
	must(t, w.holds(want)())
	if s := w.status(); !s.Ready {
		t.Error("READY=1 was said and the status is not ready")
	}

	replaced := want["A"]
	want["A"] = w.newKey()
	w.put("A", want["A"])
	w.until("the new key is in both sinks", patience, w.holds(want))
	k := w.key("A")
	if k.Current == nil || k.Current.Outcome != key.Live || len(k.Older) != 1 || k.Older[0].Outcome != key.Live {
		t.Errorf("after the rotation the status shows current %+v, older %+v", k.Current, k.Older)
	}

	followDeath(w, "A", replaced, want)
	if exit, _ := d.signal(syscall.SIGTERM); exit != 0 {
		t.Errorf("SIGTERM ends it with %d\n%s", exit, d.lastWords())
	}
	must(t, w.holds(want)())
}

// followDeath revokes the replaced version of a key, then the current one, and
// brings a replacement in through the key's source file: nothing is taken away,
// somebody is told, and it resolves. want is changed to what the sinks hold.
func followDeath(w *world, name, replaced string, want map[string]string) {
	w.t.Helper()
	followDeathBy(w, name, replaced, want, func(v string) { w.put(name, v) })
}

func followDeathBy(w *world, name, replaced string, want map[string]string, put func(string)) {
	w.t.Helper()
	w.issuer.Revoke(replaced)
	w.until("the old version is seen dead", patience, func() error {
		k := w.key(name)
		if k.Current == nil || k.Current.Outcome != key.Live {
			return errors.New("the current version is not live")
		}
		for _, o := range k.Older {
			if o.Outcome == key.Dead {
				return nil
			}
		}
		return errors.New("every older version is called alive")
	})
	began := len(w.hook.received())
	w.issuer.Revoke(want[name])
	id := w.awaitWebhook(alerts.Opened, key.KeyDead, name)
	must(w.t, w.holds(want)())
	if r := w.livekey("status"); r.exit != 3 {
		w.t.Errorf("livekey status exits %d over a dead key, not 3", r.exit)
	}
	w.throughout("one alert while it is dead", 500*time.Millisecond, func() error {
		n := 0
		for _, a := range w.hook.received()[began:] {
			if a.Type == alerts.Opened && a.Data.Cause == key.KeyDead {
				n++
			}
		}
		if n != 1 {
			return errors.New("more than one alert key_dead was opened")
		}
		return w.holds(want)()
	})
	want[name] = w.newKey()
	put(want[name])
	w.until("the replacement is delivered", patience, w.holds(want))
	if resolved := w.awaitWebhook(alerts.Resolved, key.KeyDead, name); resolved != id {
		w.t.Errorf("opened as %s, resolved as %s", id, resolved)
	}
}
