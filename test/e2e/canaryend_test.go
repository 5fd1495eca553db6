package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/test/need"
)

// whatFollows has a consumer told in every way that needs no systemd, a log followed, and files
// searched. The program keeps all that it gets.
const whatFollows = `
keys:
  A:
    from: file://$DIR/source/A
    provider: anthropic
    base_url: $ISSUER
    policy: {grace: 1s}
    consumers: ["process:root/sleep"]
    reports: {file: {path: $DIR/app.log, match: authentication_error}}
holders: {files: ["$DIR/apps/*"]}
sinks:
  app:
    kind: env_file
    path: $DIR/sinks/app/app.env
    keys: all
    on_change:
      wait: {min: 50ms, max: 100ms}
      steps:
        - {exec: [/bin/sh, -c, 'env >>$DIR/reloaded; cat >>$DIR/reloaded'], settle: 0s}
        - {http: {url: "$APP", token_file: $DIR/app-token}, settle: 0s}
  files: {kind: directory, path: $DIR/sinks/files, keys: all}
`

// What livekey does once a key was rotated: it looks into processes and files that are full of
// values, is told of some by mistake, and tells a dozen others of what it found.
func TestNoValueEscapesAfterTheRotation(t *testing.T) {
	need.All(t, "P7: no value in what follows a rotation: holders, reports, reloads, evidence", need.Linux, need.Root)
	t.Parallel()
	w := newWorld(t)
	c := newCanary()
	given := 0
	var mu sync.Mutex
	var calls [][]byte
	secret := func(v string) string {
		given++
		c.add(fmt.Sprintf("value %d", given), v)
		return v
	}
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
		r.Header.Del("Authorization") // the token that belongs there
		text, err := httputil.DumpRequest(r, true)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
		}
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, text)
	}))
	t.Cleanup(app.Close)
	w.vars["APP"] = app.URL
	must(t, os.WriteFile(w.path("app-token"), []byte(secret(w.newKey())), 0o600))
	w.configure(whatFollows)
	first, second := secret(w.newKey()), secret(w.newKey())
	w.put("A", first)
	w.write("app.log", "")
	d := w.start()
	d.awaitReady()
	// They have it in their environment, by name, and in a file: a value for a name too.
	old := []*exec.Cmd{w.hold("A", first), w.hold(secret(w.newKey()), first)}
	w.write("apps/one.env", "KEY="+first+"\n"+first+"="+first+"\n")
	w.write("apps/"+"two.json", fmt.Sprintf(`{"key": %q, %[1]q: 1}`, first))
	w.put("A", second)
	w.until("the second key is delivered", patience, w.holds(map[string]string{"A": second}))
	w.until("consumers were told", patience, w.owed(false))

	everything := func() {
		for _, args := range [][]string{{"who-has"}, {"who-has", "A"}, {"status"}, {"rotations"}, {"safe-to-revoke", "A"}, {"report", "A", "--detail", "refused " + second}} {
			w.livekey(args...)
			w.livekey(append(args, "--output", "json")...)
		}
		w.livekey("rotations", "--output", "html")
	}
	everything()
	for _, v := range []string{first, second + "\n", secret(w.newKey()), secret(w.newKey()) + "\r\n", strings.Repeat(secret(w.newKey()), 500)} {
		for _, form := range []string{"text", "json"} {
			cmd := w.command(t.Context(), "who-has", "--fingerprint-of-stdin", "--output", form, "--config", w.path(configName))
			cmd.Stdin = strings.NewReader(v)
			out, _ := cmd.CombinedOutput() // whatever it says
			w.remember("who-has of a pasted key, "+form, out)
		}
	}
	w.write("app.log", "authentication_error: invalid x-api-key "+first+"\n")
	w.awaitWebhook(alerts.Opened, key.OverlapTooLong, "A")
	for _, socket := range []string{"livekey.sock", "report.sock"} {
		w.misreport(socket, first, second)
	}
	for _, cmd := range old {
		end(cmd)
	}
	must(t, os.RemoveAll(w.path("apps")))
	w.hold("A", second)
	w.issuer.Revoke(first)
	everything()
	w.issuer.Revoke(second)
	w.awaitWebhook(alerts.Opened, key.KeyDead, "A")
	everything()

	w.until("enough has happened to be searched", patience, func() error {
		var seen report.Rotations
		if err := json.Unmarshal([]byte(w.livekey("rotations", "A", "--output", "json").stdout), &seen); err != nil {
			return err
		}
		happened := map[trail.What]bool{}
		for _, s := range seen.Rotations[0].Steps {
			happened[s.What] = true
		}
		for _, what := range []trail.What{trail.Held, trail.Reported, trail.Adopted, trail.Reloaded, trail.Refused} {
			if !happened[what] {
				return fmt.Errorf("nothing was %s", what)
			}
		}
		return nil
	})
	mu.Lock()
	w.remember("a call of on_change", calls...)
	mu.Unlock()
	if len(calls) == 0 {
		t.Error("nobody was called")
	}
	w.nothingOf(c, "source/", "sinks/", "app.log", "hook-secret", "app-token")
}

// misreport says values where names belong.
func (w *world) misreport(socket, first, second string) {
	w.t.Helper()
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(second)))
	for _, r := range []struct{ path, body string }{
		{"unauthorized", `{"key":"` + second + `"}`},
		{"unauthorized", `{"key":"A","detail":"Authorization: Bearer ` + second + `"}`},
		{"unauthorized", `{"key":"A","consumer":"unit:` + second + `"}`},
		{"unauthorized", `{"key":"A","value":"` + second + `"}`},
		{"unauthorized", `{"` + second + `":"A"}`},
		{"unauthorized", `{"key":"A","status":"` + second + `"}`},
		{"unauthorized", second},
		{"adopted", `{"key":"A","version":"` + second + `"}`},
		{"adopted", `{"key":"A","fingerprint":"` + second + `"}`},
		{"adopted", `{"key":"A","sha256":"` + second + `"}`},
		{"adopted", `{"key":"A","consumer":"` + second + `","sha256":"` + sum + `"}`},
		{"adopted", `{"key":"A","consumer":"unit:` + first + `","sha256":"` + sum + `"}`},
		{"adopted", `{"key":"A","consumer":"unit:app.service","sha256":"` + sum + `"}`},
		{"unauthorized?wait=" + second, `{"key":"A"}`},
	} {
		conn, err := net.Dial("unix", w.path(socket))
		must(w.t, err)
		_, err = fmt.Fprintf(conn, "POST /v1/%s HTTP/1.1\r\nHost: livekey\r\nX-Livekey: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", r.path, len(r.body), r.body)
		must(w.t, err)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		var answer strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			answer.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		_ = conn.Close()
		if !strings.HasPrefix(answer.String(), "HTTP/1.1 ") {
			w.t.Errorf("%s answers %q", socket, answer.String())
		}
		w.remember(socket+" "+strings.SplitN(r.path, "?", 2)[0], []byte(answer.String()))
	}
}

// nothingOf looks for the values in all that was printed, sent or stored.
func (w *world) nothingOf(c *canary, belong ...string) {
	w.t.Helper()
	for _, o := range w.printed {
		for _, what := range c.search(o.bytes) {
			w.t.Errorf("%s: %s", o.where, what)
		}
	}
	for _, b := range w.hook.everything() {
		for _, what := range c.search(b) {
			w.t.Errorf("a webhook: %s", what)
		}
	}
	for _, where := range c.searchTree(w.t, w.dir, belong...) {
		w.t.Error("a value is in " + where)
	}
	if b, err := os.ReadFile(w.path("reloaded")); err != nil || !strings.Contains(string(b), "LIVEKEY_FINGERPRINTS=") {
		w.t.Errorf("no program was run (%v)", err)
	}
	if len(w.printed) < 50 || len(w.hook.received()) < 3 {
		w.t.Errorf("too little was searched: %d outputs, %d webhooks", len(w.printed), len(w.hook.received()))
	}
}
