package admin

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

func socketIn(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "run", "livekey.sock")
}

func options() Options {
	return Options{Daemon: &fakeDaemon{}, Log: slog.New(slog.DiscardHandler)}
}

func TestSocketIsNeverTooWide(t *testing.T) {
	socket := socketIn(t)
	startAt(t, socket, options())
	mode := fs.FileMode(0o600) // any other group than livekey's own is somebody else's, such as a pod's fsGroup
	if _, err := user.LookupGroup(Group); err == nil && os.Geteuid() == 0 {
		mode = 0o660
	}
	for path, want := range map[string]fs.FileMode{
		socket:               fs.ModeSocket | mode,
		filepath.Dir(socket): fs.ModeDir | 0o711,
	} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(socket))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the socket there is %v, %v", entries, err)
	}
}

func TestSocketOfALivingDaemonStays(t *testing.T) {
	socket := socketIn(t)
	c := startAt(t, socket, options())
	if _, err := Listen(t.Context(), socket, options()); !errors.Is(err, ErrInUse) {
		t.Errorf("second Listen: %v", err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("the first daemon after the second tried: %v", err)
	}
}

func TestSocketOfADeadDaemonIsReplaced(t *testing.T) {
	socket := socketIn(t)
	l, err := listen(t.Context(), socket, socketMode)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil { // as SIGKILL does: the file stays
		t.Fatal(err)
	}
	if _, err := NewClient(socket).Status(t.Context()); err == nil {
		t.Fatal("somebody answers on a dead socket")
	}
	if _, err := startAt(t, socket, options()).Status(t.Context()); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ rule, socket, why string }{
		{"a file that is no socket", file, "no socket"},
		{"a path that the kernel cannot hold", filepath.Join(dir, strings.Repeat("d", 120)), "shorter"},
		{"a folder that is a file", filepath.Join(file, "livekey.sock"), "folder of socket"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			_, err := Listen(t.Context(), tt.socket, options())
			if err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want a word about %q", err, tt.why)
			}
		})
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file is now %q, %v", b, err)
	}
}

func TestSocketGoesWithItsServer(t *testing.T) {
	for _, tt := range []struct {
		rule      string
		successor bool
	}{
		{"the file is removed", false},
		{"a successor's file stays", true},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			socket := socketIn(t)
			s, err := Listen(t.Context(), socket, options())
			if err != nil {
				t.Fatal(err)
			}
			if tt.successor {
				if err := os.Remove(socket); err != nil {
					t.Fatal(err)
				}
				next, err := listen(t.Context(), socket, socketMode)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = next.Close() }()
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Serve(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(socket); (err == nil) != tt.successor {
				t.Errorf("after Serve: %v", err)
			}
		})
	}
}

func TestNoDaemonNamesTheSocket(t *testing.T) {
	socket := socketIn(t)
	_, err := NewClient(socket).Status(t.Context())
	var none *NoDaemonError
	if !errors.As(err, &none) || none.Socket != socket {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{socket, "livekey run", "systemctl start"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
	denied := &NoDaemonError{Socket: socket, Err: &net.OpError{Op: "dial", Err: os.ErrPermission}}
	if !strings.Contains(denied.Error(), Group) {
		t.Errorf("%q does not name the group", denied)
	}
}

func TestHealthOverTCP(t *testing.T) {
	s, err := ListenTCP(t.Context(), "127.0.0.1:0", Options{
		Daemon: &fakeDaemon{missing: []string{"key GOOD"}}, Log: slog.New(slog.DiscardHandler),
	})
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
	for _, tt := range []struct {
		rule, path, host string
		want             int
	}{
		{"live", "/live", "", 200},
		{"ready", "/ready", "", 503},
		{"a kubelet asks by address", "/live", "10.0.0.7:9474", 200},
		{"IPv6", "/live", "[::1]:9474", 200},
		{"localhost", "/live", "localhost:9474", 200},
		{"a name that was pointed at us", "/live", "evil.example", 403},
		{"nothing else stands on TCP", "/v1/status", "", 404},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.l.Addr().String()+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			r.Header.Set(Header, "1")
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, tt.want)
			}
			if strings.Contains(string(body), "GOOD") {
				t.Errorf("%s names a key to whoever reaches the port", body)
			}
		})
	}
}
