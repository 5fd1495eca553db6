package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
)

var errNotYet = errors.New("not yet")

// noAnswer holds every call until the trouble is over.
var noAnswer = trouble{"no answer", func(_ http.ResponseWriter, r *http.Request, over <-chan struct{}) {
	select {
	case <-over:
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}}

// more waits until n is more than least.
func more(n *atomic.Int64, least int64) func() error {
	return func() error {
		if n.Load() <= least {
			return errNotYet
		}
		return nil
	}
}

func asked(f *front) func() error {
	return func() error {
		if f.hitsNow() == 0 {
			return errNotYet
		}
		return nil
	}
}

// hanging is a world whose issuer does not answer, though it did for delivered.
func hanging(t *testing.T, delivered bool) (w *world, d *daemon, want map[string]string) {
	t.Helper()
	w = newWorld(t)
	issuer := newFront(t, w.issuer)
	w.vars["ISSUER"], w.vars["WAIT"] = issuer.url, "30s"
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want = map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	if delivered {
		d = w.start()
		d.awaitReady()
	}
	issuer.begin(noAnswer)
	if !delivered {
		d = w.start()
	}
	w.until("a probe hangs", patience, asked(issuer))
	return w, d, want
}

func TestStoppingWaitsForNobody(t *testing.T) {
	need.All(t, "P8: SIGTERM ends the daemon within 5 s", need.Linux)
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(fmt.Sprintf("%v while a probe of a delivered key hangs", sig), func(t *testing.T) {
			t.Parallel()
			w, d, want := hanging(t, true)
			exit, took := d.signal(sig)
			t.Logf("ended after %s", took.Round(time.Millisecond))
			if exit != 0 {
				t.Errorf("it ends with %d\n%s", exit, d.lastWords())
			}
			must(t, w.holds(want)())
			if _, err := os.Stat(w.path("livekey.sock")); err == nil {
				t.Error("the socket is still there")
			}
		})
	}
	t.Run("before there is a first verdict", func(t *testing.T) {
		t.Parallel()
		w, d, _ := hanging(t, false)
		if exit, _ := d.signal(syscall.SIGTERM); exit != 0 {
			t.Errorf("it ends with %d\n%s", exit, d.lastWords())
		}
		if _, err := os.Stat(w.path("sinks/app/app.env")); err == nil {
			t.Error("there is an env file, and no key was proved")
		}
	})
	t.Run("while a command waits", func(t *testing.T) {
		t.Parallel()
		w, d, _ := hanging(t, false)
		waiting := w.command(t.Context(), "wait", "--timeout", "20s", "--config", w.path(configName))
		must(t, waiting.Start())
		time.Sleep(300 * time.Millisecond)
		if exit, _ := d.signal(syscall.SIGTERM); exit != 0 {
			t.Errorf("it ends with %d\n%s", exit, d.lastWords())
		}
		must(t, waiting.Process.Signal(syscall.SIGINT))
		_ = waiting.Wait()
	})
}

func TestCtrlCEndsOnce(t *testing.T) {
	need.All(t, "P8: Ctrl-C ends once", need.Linux)
	t.Parallel()
	w := newWorld(t)
	issuer := newFront(t, w.issuer)
	issuer.begin(noAnswer)
	w.vars["ISSUER"], w.vars["WAIT"] = issuer.url, "30s"
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	d := w.startWith("once")
	w.until("a probe hangs", patience, asked(issuer))
	exit, took := d.signal(syscall.SIGINT)
	t.Logf("ended after %s with %d", took.Round(time.Millisecond), exit)
	if exit <= 0 {
		t.Errorf("an interrupted once exits %d: nobody may take it for done\n%s", exit, d.lastWords())
	}
	if strings.Contains(d.said(), "panic") || !strings.Contains(d.said(), "interrupt") {
		t.Errorf("it does not say that it was interrupted:\n%s", d.lastWords())
	}
	issuer.end()
	if r := w.livekey("once"); r.exit != 0 {
		t.Errorf("after it, once exits %d\n%s", r.exit, r.stderr)
	}
	must(t, w.holds(want)())
}

func TestASecondLivekeyIsRefusedAndNamesTheFirst(t *testing.T) {
	need.All(t, "P9: one livekey on a state_dir", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	d := w.start()
	d.awaitReady()
	for _, name := range []string{"run", "once"} {
		r := w.livekey(name)
		if r.exit != 2 || !strings.Contains(r.stderr, fmt.Sprint("pid ", d.pid())) {
			t.Errorf("a second livekey %s exits %d and does not name pid %d:\n%s", name, r.exit, d.pid(), r.stderr)
		}
	}
	if r := w.livekey("status"); r.exit != 0 {
		t.Errorf("after it, the first is not well: status exits %d", r.exit)
	}
	d.kill()
	w.start().awaitReady()
	must(t, w.holds(want)())
}

func TestASinkThatCannotBeWrittenDelaysNoOther(t *testing.T) {
	need.All(t, "P8: a sink whose folder cannot be made", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.vars["WAIT"] = "1s"
	// A file stands where the folder has to be.
	must(t, os.Remove(w.path("sinks/app")))
	must(t, os.WriteFile(w.path("sinks/app"), nil, 0o600))
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	d := w.start()
	d.awaitReady()
	files, err := readDirectory(w.path("sinks/files"))
	if err != nil || files["A"] != want["A"] {
		t.Errorf("the other sink was not written (%v)", err)
	}
	if r := w.livekey("status"); r.exit != 6 || !strings.Contains(r.stdout, w.path("sinks/app")) {
		t.Errorf("livekey status exits %d, not 6, or does not name the folder\n%s%s", r.exit, r.stdout, r.stderr)
	}
	id := w.awaitWebhook(alerts.Opened, key.SinkFailed, "")
	must(t, os.Remove(w.path("sinks/app")))
	w.until("the sink is written when its folder can be made", patience, w.holds(want))
	if resolved := w.awaitWebhook(alerts.Resolved, key.SinkFailed, ""); resolved != id {
		t.Errorf("opened as %s, resolved as %s", id, resolved)
	}
	if r := w.livekey("status"); r.exit != 0 {
		t.Errorf("after it, livekey status exits %d\n%s", r.exit, r.stdout)
	}
}

func TestASourceThatAppearsLaterIsDelivered(t *testing.T) {
	need.All(t, "P8: a source that is not there at start", need.Linux)
	t.Parallel()
	w := newWorld(t)
	w.vars["WAIT"] = "300ms"
	must(t, os.Remove(w.path("source")))
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	w.start().awaitReady()
	if r := w.livekey("status"); r.exit != 3 && r.exit != 4 {
		t.Errorf("livekey status exits %d over a key that is nowhere", r.exit)
	}
	must(t, os.Mkdir(w.path("source"), 0o700))
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	w.until("the key is delivered when its source is there", resumeTime, w.holds(want))
	// The folder is watched from now on as if it had been there.
	want["A"] = w.newKey()
	w.put("A", want["A"])
	w.until("the next one as well", resumeTime, w.holds(want))
}

// nobody is a user without rights; the tests that use it run as root.
const nobody = 65534

// asNobody runs a child as nobody, who gets all of the world.
func (w *world) asNobody() func(*exec.Cmd) {
	w.t.Helper()
	must(w.t, exec.Command("chown", "-R", fmt.Sprintf("%d:%d", nobody, nobody), w.dir).Run())
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

func TestAStateDirThatCannotBeWrittenIsNamed(t *testing.T) {
	need.All(t, "P9: a state_dir that cannot be written", need.Linux, need.Root)
	t.Parallel()
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	w.put("A", w.newKey())
	drop := w.asNobody()
	must(t, os.Chown(w.path("state"), 0, 0))
	must(t, os.Chmod(w.path("state"), 0o755))
	for _, name := range []string{"run", "once"} {
		d := w.startWith(name, drop)
		select {
		case <-d.done:
		case <-time.After(stopTime):
			t.Fatalf("livekey %s goes on without its state_dir\n%s", name, d.lastWords())
		}
		if exit := d.cmd.ProcessState.ExitCode(); exit != 1 && exit != 2 {
			t.Errorf("livekey %s exits %d", name, exit)
		}
		if said := d.said(); !strings.Contains(said, w.path("state")) || strings.Contains(said, "panic") {
			t.Errorf("livekey %s does not name the folder:\n%s", name, said)
		}
	}
	if _, err := os.Stat(w.path("sinks/app/app.env")); err == nil {
		t.Error("delivered without a journal")
	}
}
