package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// notified keeps what Alertmanager tells its own receiver: "firing al_1".
type notified struct {
	mu  sync.Mutex
	got []string
	raw [][]byte
}

func (n *notified) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var all struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	text := new(strings.Builder)
	err := json.NewDecoder(http.MaxBytesReader(nil, req.Body, 1<<20)).Decode(&all)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range all.Alerts {
		n.got = append(n.got, a.Status+" "+a.Labels["id"])
	}
	fmt.Fprintf(text, "%+v %v", all, err)
	n.raw = append(n.raw, []byte(text.String()))
}

func (n *notified) heard(what string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Contains(n.got, what) {
		return nil
	}
	return fmt.Errorf("%q is not among %q", what, n.got)
}

// An alert fires in Alertmanager as long as livekey says so, and no longer: not by
// its resolve_timeout of 1s, nor by the 4s that livekey claims in advance.
func TestAnAlertInARealAlertmanager(t *testing.T) {
	need.All(t, "P4: an open alert goes on firing in a real Alertmanager", need.Linux, servers.AlertmanagerProgram)
	t.Parallel()
	heard := &notified{}
	receiver := httptest.NewServer(heard)
	t.Cleanup(receiver.Close)
	am := servers.Alertmanager(t, receiver.URL)
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("A") + twoSinks)
	must(t, os.Mkdir(w.path("livekey.d"), 0o700))
	must(t, os.WriteFile(w.path("livekey.d/am.yaml"), fmt.Appendf(nil,
		"alerts:\n  am: {kind: alertmanager, urls: [%s], repeat: 1s, labels: {team: platform}}\n", am.URL), 0o600))
	good := w.newKey()
	w.put("A", good)
	d := w.start()
	d.awaitReady()

	var id string
	fires := func() error {
		all, err := am.Firing("cause", string(key.CandidateRejected))
		switch {
		case err != nil:
			return err
		case len(all) != 1:
			return fmt.Errorf("%d alerts are firing", len(all))
		}
		l := all[0].Labels
		if l["alertname"] != "LivekeyCandidateRejected" || l["key"] != "A" || l["severity"] != "warning" || l["team"] != "platform" || id != "" && l["id"] != id {
			return fmt.Errorf("labels %v", l)
		}
		return nil
	}
	silent := func() error {
		if fires() == nil {
			return errors.New("it is firing")
		}
		return nil
	}
	w.put("A", fakeissuer.NewAnthropicKey())
	w.until("the alert fires", patience, fires)
	id = w.awaitWebhook(alerts.Opened, key.CandidateRejected, "A")
	w.until("its receiver is told", patience, func() error { return heard.heard("firing " + id) })
	w.throughout("it goes on firing", 8*time.Second, fires)

	d.kill() // nobody repeats it now
	w.daemon = nil
	w.until("it ends with livekey", patience, silent)
	w.start().awaitReady()
	w.until("it fires again under its id", patience, fires)

	w.put("A", w.newKey())
	w.until("it is resolved", 3*time.Second, silent)
	w.until("its receiver is told", patience, func() error { return heard.heard("resolved " + id) })
	w.throughout("it stays so", 3*time.Second, silent)
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for _, raw := range heard.raw {
		if strings.Contains(string(raw), good) {
			t.Error("Alertmanager was sent a value")
		}
	}
}
