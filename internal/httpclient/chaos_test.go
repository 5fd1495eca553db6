package httpclient_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/test/chaos"
)

// TestTLSThatIsCutOffIsAnError holds that no body which only ends with its connection is
// taken for whole when TLS was not ended: whoever can cut a wire could shorten it.
func TestTLSThatIsCutOffIsAnError(t *testing.T) {
	const body = "a body that ends where its connection ends"
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = out.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
		_ = out.Flush()
		_ = conn.Close()
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS() // HTTP/1.1, so that it can be hijacked
	defer srv.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p := chaos.New(t, srv.Listener.Addr().String())
	read := func() (string, error) {
		c := client(t, httpclient.Options{CAFile: roots, ServerName: "example.com"})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Address(), http.NoBody)
		if err != nil {
			return "", err
		}
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := httpclient.ReadAll(resp.Body, 1<<20)
		return string(b), err
	}
	if got, err := read(); err != nil || got != body {
		t.Fatalf("without a fault: %q, %v", got, err)
	}
	whole := p.Longest()
	if whole < 1000 {
		t.Fatalf("the conversation has %d bytes: that is no handshake", whole)
	}
	for _, end := range []chaos.End{chaos.Truncate, chaos.Reset} {
		for _, at := range chaos.Bytes(whole) {
			p.Set(chaos.Fault{End: end, After: at})
			if got, err := read(); err == nil && got != body {
				t.Fatalf("cut off at byte %d of %d: %q was taken for the body", at, whole, got)
			}
		}
	}
}
