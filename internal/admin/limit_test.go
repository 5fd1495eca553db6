package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// Every open connection is an open file, of which a service has a number: whoever may
// connect must not be able to take those that deliveries need.
func TestConnectionsPerAddressAreBounded(t *testing.T) {
	s, err := ListenTCP(t.Context(), "127.0.0.1:0", Options{Daemon: &fakeDaemon{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	idle := make([]net.Conn, 0, maxConns)
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for range maxConns {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.l.Addr().String()+"/live", nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := ask(200 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one more than %d connections: %v, want no answer", maxConns, err)
	}
	if err := idle[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := ask(3 * time.Second); err != nil {
		t.Errorf("after one of them ended: %v", err)
	}
}
