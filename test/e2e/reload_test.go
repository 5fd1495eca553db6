package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

// reload has the daemon read its config again.
func (d *daemon) reload() { must(d.t, d.cmd.Process.Signal(syscall.SIGHUP)) }

// says waits until this life has printed text.
func (w *world) says(text string) {
	w.t.Helper()
	w.until("livekey says "+text, patience, func() error {
		if strings.Contains(w.daemon.said(), text) {
			return nil
		}
		return errors.New("not said")
	})
}

func TestReloadTakesKeysInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.newKey(), w.newKey()
	w.put("A", a)
	w.put("B", b)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	d := w.start()
	d.awaitReady()
	must(t, w.holds(map[string]string{"A": a})())

	w.configure("keys:\n" + fileKey("A") + fileKey("B") + twoSinks)
	d.reload()
	w.until("B comes in", patience, w.holds(map[string]string{"A": a, "B": b}))

	w.configure("keys:\n" + fileKey("B") + twoSinks)
	d.reload()
	w.until("A goes", patience, w.holds(map[string]string{"B": b}))
	if w.status().Keys[0].Name != "B" || len(w.status().Keys) != 1 {
		t.Errorf("status has %+v", w.status().Keys)
	}

	next := w.newKey()
	w.put("B", next)
	w.until("a rotation is followed after a reload", patience, w.holds(map[string]string{"B": next}))
}

func TestReloadOfABadConfigChangesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.newKey()
	w.put("A", a)
	good := "keys:\n" + fileKey("A") + twoSinks
	w.configure(good)
	d := w.start()
	d.awaitReady()
	info, err := os.Stat(w.path("sinks/app/app.env"))
	must(t, err)

	for name, c := range map[string]struct{ config, says string }{
		"a fault":                {"keys:\n" + fileKey("A") + "sinkz: {}\n" + twoSinks, "sinkz"},
		"not YAML":               {"keys: [\n", "livekey.yaml:"},
		"a state_dir that moved": {strings.Replace(good, "keys:", "# $DIR\nkeys:", 1), "state_dir moved"},
	} {
		w.configure(c.config)
		if strings.Contains(c.says, "state_dir") {
			text, err := os.ReadFile(w.path(configName))
			must(t, err)
			must(t, os.WriteFile(w.path(configName), []byte(strings.Replace(string(text), w.path("state"), w.path("state2"), 1)), 0o600))
		}
		d.reload()
		w.says(c.says)
		id := w.awaitWebhook(alerts.Opened, key.SelfDegraded, "")
		must(t, w.holds(map[string]string{"A": a})())
		if now, err := os.Stat(w.path("sinks/app/app.env")); err != nil || !os.SameFile(info, now) {
			t.Errorf("%s: the sink was written anew (%v)", name, err)
		}
		w.configure(good)
		d.reload()
		w.until("the alert ends with "+name, patience, func() error {
			for _, got := range w.hook.received() {
				if got.Type == alerts.Resolved && got.Data.ID == id {
					return nil
				}
			}
			return errors.New("not resolved")
		})
	}
	next := w.newKey()
	w.put("A", next)
	w.until("the daemon goes on", patience, w.holds(map[string]string{"A": next}))
}

func TestReloadMovesTheSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.newKey()
	w.put("A", a)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	d := w.start()
	d.awaitReady()
	text, err := os.ReadFile(w.path(configName))
	must(t, err)
	moved := strings.Replace(string(text), w.path("livekey.sock"), w.path("moved.sock"), 1)
	must(t, os.WriteFile(w.path(configName), []byte(moved), 0o600))
	d.reload()
	w.until("the daemon answers at its new socket", patience, func() error {
		if r := w.livekey("status"); r.exit != 0 {
			return fmt.Errorf("exit %d: %s", r.exit, r.stderr)
		}
		return nil
	})
	w.until("the old socket is gone", patience, func() error {
		if _, err := os.Stat(w.path("livekey.sock")); err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
}

func TestManyReloadsDisturbNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.newKey()
	w.put("A", a)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	d := w.start()
	d.awaitReady()
	want := map[string]string{"A": a}
	for round := range 20 {
		d.reload()
		if round%5 == 4 {
			want["A"] = w.newKey()
			w.put("A", want["A"])
			w.until("a rotation among reloads", patience, w.holds(want))
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.throughout("after the last", time.Second, w.holds(want))
	for _, got := range w.hook.received() {
		if got.Data.Severity != key.Info {
			t.Errorf("somebody was told %s: %s", got.Data.Cause, got.Data.Summary)
		}
	}
	if exit, _ := d.signal(syscall.SIGTERM); exit != 0 {
		t.Errorf("exit %d", exit)
	}
}

func TestSIGUSR1LooksAtEverySource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.newKey()
	w.put("A", a)
	w.configure("keys:\n  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $ISSUER, policy: {probe: 1h}}\n" + twoSinks)
	d := w.start()
	d.awaitReady()
	asked := w.issuer.Calls(a)
	must(t, d.cmd.Process.Signal(syscall.SIGUSR1))
	w.until("the issuer is asked", patience, func() error {
		if w.issuer.Calls(a) == asked {
			return errors.New("not asked")
		}
		return nil
	})
}
