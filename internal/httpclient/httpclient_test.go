package httpclient_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/test/servers"
)

func client(t testing.TB, o httpclient.Options) *http.Client {
	t.Helper()
	c, err := (&httpclient.Factory{Agent: "livekey/test"}).Client(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// get makes one call with a credential and returns the answer's status.
func get(c *http.Client, url string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Api-Key", "a key")
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestNoRedirectIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, where := range []string{"same host", "other host"} {
			t.Run(fmt.Sprintf("%d to the %s", status, where), func(t *testing.T) {
				var here, there atomic.Int32
				target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { there.Add(1) }))
				defer target.Close()
				to := "/elsewhere"
				if where == "other host" {
					to = target.URL
				}
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					here.Add(1)
					http.Redirect(w, r, to, status)
				}))
				defer srv.Close()
				got, err := get(client(t, httpclient.Options{}), srv.URL)
				if err != nil || got != status {
					t.Errorf("got %d, %v: the redirect itself is the answer", got, err)
				}
				if here.Load() != 1 || there.Load() != 0 {
					t.Errorf("%d requests here and %d at the other host, want 1 and 0", here.Load(), there.Load())
				}
			})
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/headers":
			w.Header().Set("X-Filler", strings.Repeat("x", 64<<10))
		case "/silent":
			<-r.Context().Done()
		case "/dribble":
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}
	}))
	defer srv.Close()
	c := client(t, httpclient.Options{Timeout: 100 * time.Millisecond})
	if _, err := get(c, srv.URL+"/headers"); err == nil {
		t.Error("64 KiB of headers were taken")
	}
	for _, path := range []string{"/silent", "/dribble"} {
		start := time.Now()
		var timeout net.Error
		if _, err := get(c, srv.URL+path); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: got %v", path, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: took %s", path, took)
		}
	}
}

func TestReadAll(t *testing.T) {
	for _, c := range []struct {
		body  string
		limit int64
		err   error
	}{
		{"", 0, nil},
		{"1234", 4, nil},
		{"12345", 4, httpclient.ErrTooLarge},
	} {
		b, err := httpclient.ReadAll(strings.NewReader(c.body), c.limit)
		if !errors.Is(err, c.err) || c.err == nil && string(b) != c.body {
			t.Errorf("%q limited to %d: %q, %v", c.body, c.limit, b, err)
		}
	}
}

// caFile trusts srv.
func caFile(t *testing.T, srv *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLS(t *testing.T) {
	start := func(version uint16) *httptest.Server {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs every handshake that is refused
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv
	}
	srv := start(tls.VersionTLS13)
	if _, err := get(client(t, httpclient.Options{CAFile: caFile(t, srv)}), srv.URL); err != nil {
		t.Errorf("with its CA: %v", err)
	}
	if _, err := get(client(t, httpclient.Options{}), srv.URL); err == nil {
		t.Error("a certificate that nobody signed was taken")
	}
	if _, err := get(client(t, httpclient.Options{CAFile: caFile(t, srv), ServerName: "other.example.org"}), srv.URL); err == nil {
		t.Error("a certificate for another name was taken")
	}
	old := start(tls.VersionTLS11)
	if _, err := get(client(t, httpclient.Options{CAFile: caFile(t, old)}), old.URL); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}

func TestCAFileFaults(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{empty: "no PEM certificate inside", "/nonexistent/ca.pem": "read ca_file"} {
		if _, err := (&httpclient.Factory{}).Client(httpclient.Options{CAFile: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// Whoever writes the roots decides whom livekey believes to be the issuer.
func TestACAFileThatOthersMayWriteIsRefused(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	path := caFile(t, srv)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (&httpclient.Factory{}).Client(httpclient.Options{CAFile: path}); err == nil || !strings.Contains(err.Error(), "others may write it") {
		t.Errorf("got %v", err)
	}
}

func TestTheEnvironmentNamesNoProxy(t *testing.T) {
	var proxied, direct atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { direct.Add(1) }))
	defer srv.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	t.Setenv("NO_PROXY", "")
	resolveTo(t, net.IPv4(127, 0, 0, 1)) // Go never sends loopback itself through a proxy
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	if _, err := get(client(t, httpclient.Options{}), "http://issuer.example:"+port); err != nil {
		t.Fatal(err)
	}
	if proxied.Load() != 0 || direct.Load() != 1 {
		t.Errorf("proxy saw %d, issuer %d requests; want 0 and 1", proxied.Load(), direct.Load())
	}
	c := client(t, httpclient.Options{ProxyEnv: true})
	if _, err := get(c, "http://issuer.example:"+port); err != nil {
		t.Fatal(err)
	}
	if direct.Load() != 1 {
		t.Error("with ProxyEnv the call did not go to the proxy")
	}
}

func TestCallsAreWarmAndNamed(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if agent := r.Header.Get("User-Agent"); agent != "livekey/test" {
			t.Errorf("User-Agent %q", agent)
		}
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compressed answers are asked for")
		}
		_, _ = w.Write([]byte("{}"))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := client(t, httpclient.Options{})
	for range 20 {
		if _, err := get(c, srv.URL); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 20 calls", n)
	}
}

func BenchmarkWarmGet(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer srv.Close()
	c := client(b, httpclient.Options{})
	for b.Loop() {
		if _, err := get(c, srv.URL); err != nil {
			b.Fatal(err)
		}
	}
}

func TestClientCertificateIsReadForEachConnection(t *testing.T) {
	var shown []string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown = append(shown, fmt.Sprintf("%x", r.TLS.PeerCertificates[0].PublicKey))
	}))
	srv.TLS = servers.AskForCertificates()
	srv.StartTLS()
	defer srv.Close()
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func(path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	renew := func() {
		for to, from := range func() map[string]string { c, k := servers.Certificate(t); return map[string]string{cert: c, key: k} }() {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			put(to, text)
		}
	}
	renew()
	c := client(t, httpclient.Options{CAFile: ca, ClientCertFile: cert, ClientKeyFile: key})
	for i := range 3 {
		if i == 2 {
			renew()
			c.CloseIdleConnections()
		}
		if _, err := get(c, srv.URL); err != nil {
			t.Fatal(err)
		}
	}
	if len(shown) != 3 || shown[0] != shown[1] || shown[1] == shown[2] {
		t.Error("want one certificate twice, then another")
	}

	for rule, spoil := range map[string]func(){
		"a key of another certificate": func() { _, other := servers.Certificate(t); text, _ := os.ReadFile(other); put(key, text) },
		"no PEM":                       func() { put(key, []byte("hunter22")) },
		"no file":                      func() {},
		"a pipe":                       func() { _ = syscall.Mkfifo(key, 0o600) },
	} {
		_ = os.Remove(key)
		spoil()
		c.CloseIdleConnections()
		_, err := get(c, srv.URL)
		fault, ok := errors.AsType[*httpclient.ClientCertError](err)
		if !ok || !strings.Contains(fault.Error(), key) || strings.Contains(fault.Error(), "hunter22") {
			t.Errorf("%s: err = %v, want the file and nothing of it", rule, err)
		}
	}
}
