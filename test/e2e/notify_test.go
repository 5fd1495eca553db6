package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/test/need"
)

func TestSystemdIsToldAfterFirstVerdictsAndAtTheEnd(t *testing.T) {
	need.All(t, "P1: READY=1 only after first verdicts", need.Linux)
	t.Parallel()
	w := newWorld(t)
	const wait = time.Second
	var answered atomic.Bool
	issuer := newFront(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(wait)
		w.issuer.ServeHTTP(rw, r)
		answered.Store(true)
	}))
	w.vars["ISSUER"] = issuer.url
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	began := time.Now()
	d := w.start()

	first := d.told(patience)
	if took := time.Since(began); took < wait || !answered.Load() {
		t.Errorf("told %q after %s, before there was a verdict", first, took)
	}
	if !strings.Contains(first, "READY=1") {
		t.Fatalf("the first message is %q\n%s", first, d.lastWords())
	}
	must(t, w.holds(want)())

	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	if last := d.told(stopTime); !strings.Contains(last, "STOPPING=1") {
		t.Errorf("after SIGTERM the message is %q", last)
	}
	<-d.done
	if more := d.told(100 * time.Millisecond); more != "" {
		t.Errorf("one more message: %q", more)
	}
}

func TestReadyWaitsNoLongerThanStartupWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vars["WAIT"] = "1s"
	issuer := newFront(t, w.issuer)
	w.vars["ISSUER"] = issuer.url
	issuer.begin(noAnswer)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	d := w.start()
	if took := d.awaitReady(); took < 500*time.Millisecond || took > 4*time.Second {
		t.Errorf("READY=1 after %s", took)
	}
	if w.holds(want)() == nil {
		t.Error("a key that nobody proved is delivered")
	}
	if w.status().Ready {
		t.Error("the status is ready, and the key is not delivered")
	}
	issuer.end()
	w.until("the key is delivered once its issuer answers", patience, w.holds(want))
}

// A consumer that asked for it gets its key at the end of startup_wait, also from an
// issuer that does not answer at all.
func TestPublishIfEmptyDoesNotWaitForACallThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vars["WAIT"] = "1s"
	issuer := newFront(t, w.issuer)
	w.vars["ISSUER"] = issuer.url
	issuer.begin(noAnswer)
	w.configure("keys:\n  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $ISSUER, policy: {on_unknown: publish_if_empty}}\n" + twoSinks)
	want := map[string]string{"A": w.newKey()}
	w.put("A", want["A"])
	if r := w.livekey("once"); r.took > 4*time.Second || r.exit != 0 {
		t.Errorf("once took %s and exits %d, not 0: it is delivered unproved, as the config says\n%s", r.took, r.exit, r.stderr)
	}
	must(t, w.holds(want)())
	if r := w.livekey("once", "--strict"); r.took > 4*time.Second || r.exit != 4 {
		t.Errorf("once --strict took %s and exits %d, not 4: nobody proved what is there\n%s", r.took, r.exit, r.stderr)
	}
}

func TestACallThatIsNeverAnsweredIsGivenUp(t *testing.T) {
	need.All(t, "P8: a call that is never answered ends", need.Linux)
	t.Parallel()
	w := newWorld(t)
	var begun, given atomic.Int64
	issuer := newFront(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun.Add(1)
		<-r.Context().Done()
		given.Add(1)
	}))
	w.vars["ISSUER"], w.vars["WAIT"] = issuer.url, "200ms"
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	w.put("A", w.newKey())
	w.start().awaitReady() // which ends the first call: see above
	w.until("the issuer is asked again", patience, more(&begun, 1))
	took := w.until("the call is given up", patience, more(&given, 1))
	t.Logf("given up after %s", took.Round(100*time.Millisecond))
	w.until("the issuer is asked once more", patience, more(&begun, begun.Load()))
	if held := begun.Load() - given.Load(); held > 3 {
		t.Errorf("%d calls about one key are waiting at once", held)
	}
}
