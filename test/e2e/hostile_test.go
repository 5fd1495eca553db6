package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// VAULTED comes from a Vault that is in trouble, and its issuer is well; ASKED
// comes from a file, and its issuer is in trouble; FREE has nothing to do with either.
const hostileConfig = `
sources:
  vault: {address: $VAULT, auth: {method: approle, role_id_file: $DIR/role-id, secret_id_file: $DIR/secret-id}}
keys:
  VAULTED: {from: "vault://secret/prod/llm#anthropic", provider: anthropic, base_url: $ISSUER}
  ASKED: {from: file://$DIR/source/ASKED, provider: anthropic, base_url: $HOSTILE}
  FREE: {from: file://$DIR/source/FREE, provider: anthropic, base_url: $ISSUER}
` + twoSinks

// isolationTime is how long a key may take that has nothing to do with a trouble:
// much less than any call waits for its answer.
const isolationTime = 5 * time.Second

// mostTaken is how much of an answer a client may have taken before it gave up,
// what the kernel's buffers hold included.
const mostTaken = 32 << 20

func TestHostileFarEnds(t *testing.T) {
	need.All(t, "P1 P3 P8: a hostile Vault and a hostile issuer", need.Linux)
	t.Parallel()
	v := servers.Vault(t)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	w := newWorld(t)
	vaultURL, err := url.Parse(v.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(vaultURL)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	vault, issuer := newFront(t, proxy), newFront(t, w.issuer)
	w.vars["VAULT"], w.vars["HOSTILE"] = vault.url, issuer.url
	w.vars["APPROLE"] = "approle"
	giveAppRole(w, v, "reader")
	w.configure(hostileConfig)

	want := map[string]string{"VAULTED": w.newKey(), "ASKED": w.newKey(), "FREE": w.newKey()}
	putVault := func() {
		want["VAULTED"] = w.newKey()
		v.Put("secret", "prod/llm", map[string]any{"anthropic": want["VAULTED"]})
	}
	putVault()
	w.put("ASKED", want["ASKED"])
	w.put("FREE", want["FREE"])
	d := w.start()
	d.awaitReady()
	must(t, w.holds(want)())

	elsewhere, sizes := &trap{}, &taken{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.sprung.Add(1)
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(srv.Close)
	elsewhere.url = srv.URL + "/elsewhere"

	for _, tr := range troubles(elsewhere, sizes) {
		began := time.Now()
		vault.begin(tr)
		issuer.begin(tr)
		held := map[string]string{"VAULTED": want["VAULTED"], "ASKED": want["ASKED"], "FREE": want["FREE"]}
		putVault()
		want["ASKED"] = w.newKey()
		w.put("ASKED", want["ASKED"])

		// The key that has nothing to do with it goes on rotating.
		for range 2 {
			held["FREE"] = w.newKey()
			want["FREE"] = held["FREE"]
			w.put("FREE", held["FREE"])
			w.until(tr.name+": the other key goes on", isolationTime, w.holds(held))
		}
		w.throughout(tr.name+": nothing delivered changes", 500*time.Millisecond, w.holds(held))
		if tr.serve != nil {
			w.until(tr.name+": both far ends are asked", patience, func() error {
				if vault.hitsNow() == 0 || issuer.hitsNow() == 0 {
					return fmt.Errorf("Vault %d times, issuer %d times", vault.hitsNow(), issuer.hitsNow())
				}
				return nil
			})
		}
		asked := time.Now()
		for _, k := range w.status().Keys {
			if k.Current == nil || k.Current.Outcome == key.Dead {
				t.Errorf("%s: %s is shown as %+v", tr.name, k.Name, k.Current)
			}
		}
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("%s: livekey status took %s", tr.name, took)
		}
		must(t, w.holds(held)())

		vault.end()
		issuer.end()
		healed := w.until(tr.name+": it ends, and what came meanwhile is delivered", patience, w.holds(want))
		t.Logf("%-45s %5.1f s, healed in %5.1f s", tr.name, time.Since(began).Seconds(), healed.Seconds())
	}
	if n := elsewhere.sprung.Load(); n > 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
	sizes.mu.Lock()
	defer sizes.mu.Unlock()
	if n := sizes.most; n == 0 || n > mostTaken {
		t.Errorf("%d bytes of a body of 1 GiB were taken", n)
	}
	if kb, err := peakMemory(d.pid()); err != nil || kb > 200<<10 {
		t.Errorf("it had %d KiB in memory at its peak (%v)", kb, err)
	}
	if exit, _ := d.signal(syscall.SIGTERM); exit != 0 {
		t.Errorf("SIGTERM ends it with %d", exit)
	}
	must(t, w.holds(want)())
}

var peak = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most memory that a process ever had resident, in KiB.
func peakMemory(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := peak.FindSubmatch(b)
	if m == nil {
		return 0, errors.New("no VmHWM in the status of the process")
	}
	return strconv.Atoi(string(m[1]))
}
