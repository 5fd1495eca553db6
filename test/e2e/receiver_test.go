package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/livekey/livekey/alerts"
)

// hookSecret signs the webhooks of the tests.
const hookSecret = "whsec_bGl2ZWtleS1lbmQtdG8tZW5kLXRlc3RzLXdlYmhvb2s="

// A receiver is where webhooks go. It takes only what is signed.
type receiver struct {
	url  string
	hook *standardwebhooks.Webhook

	mu     sync.Mutex
	alerts []alerts.Alert
	raw    [][]byte // headers and bodies, also of what was refused
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(hookSecret)
	must(t, err)
	r := &receiver{hook: hook}
	srv := httptest.NewServer(r)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	r.url = srv.URL + "/livekey"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	var a alerts.Alert
	if err == nil {
		err = errors.Join(r.hook.Verify(body, req.Header), json.Unmarshal(body, &a))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, fmt.Appendf(nil, "%s %s %v\n%s", req.Method, req.URL, req.Header, body))
	if err != nil {
		http.Error(w, "not taken", http.StatusBadRequest)
		return
	}
	r.alerts = append(r.alerts, a)
	w.WriteHeader(http.StatusNoContent)
}

// received is a copy of what was taken so far.
func (r *receiver) received() []alerts.Alert {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.alerts)
}

// everything is what was ever sent here, as it came.
func (r *receiver) everything() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.raw)
}
