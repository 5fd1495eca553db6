package servers

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/test/need"
)

// A VaultServer is a real Vault on loopback that one test owns. Its methods fail the
// test when Vault refuses; they are for the test's own goroutine.
type VaultServer struct {
	URL    string // https if TLS
	Token  string // root
	CAFile string // PEM of the server's certificate; empty without TLS

	t         testing.TB
	binary    string
	args      []string // without -listen
	listen    string
	unsealKey string
	auditFile string
	http      *http.Client
	header    http.Header // of the next requests, beside the usual

	cmd   *exec.Cmd
	stdin io.Closer
}

// A VaultOption changes how Vault starts.
type VaultOption func(*VaultServer)

// WithTLS serves HTTPS with a certificate for 127.0.0.1 that CAFile trusts.
func WithTLS() VaultOption {
	return func(v *VaultServer) {
		cert, key := selfSigned(v.t)
		v.CAFile = cert
		v.args = append(v.args, "-cert", cert, "-key", key)
	}
}

// Vault starts a Vault with a KV v2 engine at secret/ and a file audit device,
// which counts requests. It is stopped when the test ends. Without LIVEKEY_TEST
// the test is skipped.
func Vault(t testing.TB, options ...VaultOption) *VaultServer {
	t.Helper()
	need.All(t, "main job on a real Vault", need.Linux)
	binary, err := BuildVault()
	if err != nil {
		t.Fatalf("build the Vault server: %v", err)
	}
	dir := t.TempDir()
	v := &VaultServer{
		t:         t,
		binary:    binary,
		args:      []string{"-dir", dir, "-until-eof"},
		listen:    "127.0.0.1:0",
		auditFile: filepath.Join(dir, "audit.log"),
	}
	for _, o := range options {
		o(v)
	}
	v.http = adminClient(t, v.CAFile)
	t.Cleanup(v.Stop)
	v.start()

	v.Do("PUT", "sys/audit/file", map[string]any{
		"type":    "file",
		"options": map[string]string{"file_path": v.auditFile},
	}, nil)
	v.MountKV2("secret")
	return v
}

// Stop kills the server: from now on connections are refused. Stopping twice is fine.
func (v *VaultServer) Stop() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Kill()
	_ = v.stdin.Close()
	_ = v.cmd.Wait()
	v.cmd = nil
	v.http.CloseIdleConnections()
}

// Restart starts a stopped server again: same port, same content, unsealed.
func (v *VaultServer) Restart() {
	v.t.Helper()
	v.Stop()
	v.start()
}

func (v *VaultServer) start() {
	v.t.Helper()
	cmd := exec.Command(v.binary, append([]string{"-listen", v.listen}, v.args...)...)
	cmd.Env = []string{} // no VAULT_* variable of the developer's
	log := &tail{}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.t.Fatalf("start Vault: %v", err)
	}
	v.cmd, v.stdin = cmd, stdin

	// A server that hangs says nothing more; without its death the read below would not end.
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	for s := bufio.NewScanner(stdout); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ": ")
		switch {
		case name == "root token":
			v.Token = value
		case name == "unseal key":
			v.unsealKey = value
		case strings.HasPrefix(name, "listening on "):
			v.listen = strings.TrimPrefix(name, "listening on ")
			scheme := "http://"
			if v.CAFile != "" {
				scheme = "https://"
			}
			v.URL = scheme + v.listen
			v.awaitActive()
			return
		}
	}
	v.Stop()
	v.t.Fatalf("Vault did not start:\n%s", log)
}

// awaitActive waits until mounts answer: an unsealed core needs a moment to set them up.
func (v *VaultServer) awaitActive() {
	v.t.Helper()
	v.eventually("become active", func() error {
		status, err := v.try("GET", "sys/health", nil, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("health answers %d", status)
		}
		return err
	})
}

// Seal seals Vault: it answers 503 to everything until Unseal.
func (v *VaultServer) Seal() {
	v.t.Helper()
	v.Do("PUT", "sys/seal", nil, nil)
}

// Unseal ends Seal.
func (v *VaultServer) Unseal() {
	v.t.Helper()
	v.Do("PUT", "sys/unseal", map[string]string{"key": v.unsealKey}, nil)
	v.awaitActive()
}

// Requests counts the requests so far whose path starts with prefix
// ("secret/data/", "auth/approle/login"), as Vault's audit log has them. What
// this server's own methods asked is in there too.
func (v *VaultServer) Requests(prefix string) int {
	v.t.Helper()
	text, err := os.ReadFile(v.auditFile)
	if err != nil {
		v.t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if typ, path := auditLine(v.t, line); typ == "request" && strings.HasPrefix(path, prefix) {
			n++
		}
	}
	return n
}

// tail keeps the end of what a server logs.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-tailSize):]
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
