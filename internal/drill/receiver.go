package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/livekey/livekey/alerts"
)

// A receiver is where the daemon's webhook goes. It takes only what is signed.
type receiver struct {
	url    string
	server *http.Server
	done   chan struct{}
	hook   *standardwebhooks.Webhook

	mu       sync.Mutex
	alerts   []alerts.Alert
	bodies   [][]byte // also of what was refused: the canary is searched in them
	unsigned int
}

// newReceiver listens on loopback. secret is as Standard Webhooks writes it: "whsec_" and base64.
func newReceiver(ctx context.Context, secret string) (*receiver, error) {
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("start webhook receiver: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start webhook receiver: %w", err)
	}
	r := &receiver{url: "http://" + l.Addr().String() + "/livekey", hook: hook, done: make(chan struct{})}
	r.server = &http.Server{Handler: r, ReadTimeout: 5 * time.Second}
	go func() {
		defer close(r.done)
		_ = r.server.Serve(l)
	}()
	return r, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err == nil {
		err = r.take(body, req.Header)
	}
	if err != nil {
		http.Error(w, "not taken", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) take(body []byte, h http.Header) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
	var a alerts.Alert
	if err := errors.Join(r.hook.Verify(body, h), json.Unmarshal(body, &a)); err != nil {
		r.unsigned++
		return err
	}
	r.alerts = append(r.alerts, a)
	return nil
}

// received is a copy of what was taken so far.
func (r *receiver) received() []alerts.Alert {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.alerts)
}

// sent is every body that ever came.
func (r *receiver) sent() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

// verdict judges the signatures.
func (r *receiver) verdict() []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []claim{says("P4", r.unsigned == 0 && len(r.alerts) > 0,
		fmt.Sprintf("%d webhooks, each with a valid signature", len(r.alerts)),
		fmt.Sprintf("%d webhooks had no valid signature, %d had one", r.unsigned, len(r.alerts)))}
}

func (r *receiver) close() {
	_ = r.server.Close()
	<-r.done
}
