package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/test/need"
)

var (
	hookSecret  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("canary-hook-secret-0123456789abc"))
	otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("another-hook-secret-0123456789ab"))
)

// receiver verifies with the official library and keeps what passed.
type receiver struct {
	*httptest.Server
	secret string

	mu  sync.Mutex
	got []alerttest.Message
}

func newReceiver(t testing.TB, start func(http.Handler) *httptest.Server) *receiver {
	t.Helper()
	r := &receiver{secret: hookSecret}
	r.Server = start(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	wh, verr := standardwebhooks.NewWebhook(r.secret)
	if verr == nil {
		verr = wh.Verify(body, req.Header)
	}
	if err = errors.Join(err, verr); err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		http.Error(w, fmt.Sprint(err), http.StatusUnauthorized)
		return
	}
	r.got = append(r.got, alerttest.Message{ID: req.Header.Get("webhook-id"), Text: string(body)})
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) messages() []alerttest.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func secretFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook-secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fromText(t testing.TB, text string) (alerts.Channel, error) {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.ops", text)
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(alerts.Env{Name: "ops", HTTP: &httpclient.Factory{}}, node)
}

func connect(t testing.TB, url, file string) alerts.Channel {
	t.Helper()
	c, err := fromText(t, fmt.Sprintf("url: %s\nsecret_file: %s\n", url, file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	file := secretFile(t, hookSecret+"\n")
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	alerttest.RunHTTP(t, alerttest.HTTPHarness{
		Open: func(t testing.TB, address string) alerts.Channel {
			return connect(t, address+"/T0KEN-in-the-path", file)
		},
		Take: func(req *http.Request, body []byte) (alerttest.Message, error) {
			return alerttest.Message{ID: req.Header.Get("webhook-id"), Text: string(body)}, verifier.Verify(body, req.Header)
		},
		Credential: "T0KEN-in-the-path",
	})
}

func TestTheBodyIsTheAlert(t *testing.T) {
	r := newReceiver(t, httptest.NewServer)
	a := alerttest.Sample()
	if err := connect(t, r.URL, secretFile(t, hookSecret)).Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	m := r.messages()[0]
	var got alerts.Alert
	if err := json.Unmarshal([]byte(m.Text), &got); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%v: got %+v", err, got)
	}
	// Receivers keep ids: the derivation never changes.
	if m.ID != "msg_87b40d88989dd21775b92d1233a914d6" {
		t.Errorf("id %s", m.ID)
	}
}

func TestTheSecretIsReadForEveryAlert(t *testing.T) {
	r := newReceiver(t, httptest.NewServer)
	file := secretFile(t, hookSecret)
	c := connect(t, r.URL, file)
	steps := []struct{ file, receiver string }{
		{hookSecret, hookSecret},
		{otherSecret + "\n" + hookSecret + "\n", hookSecret}, // both sign while the receiver changes
		{otherSecret + "\n" + hookSecret + "\n", otherSecret},
		{otherSecret, otherSecret},
	}
	for i, s := range steps {
		if err := os.WriteFile(file, []byte(s.file), 0o600); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.secret = s.receiver
		r.mu.Unlock()
		if err := c.Send(t.Context(), alerttest.Sample()); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if len(r.messages()) != len(steps) {
		t.Error("not every alert was verified")
	}
}

func TestABadSecretFileIsNamedAndNotQuoted(t *testing.T) {
	const canary = "canary0123456789canary"
	r := newReceiver(t, httptest.NewServer)
	for _, c := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"missing", "no such file", func(string) error { return nil }},
		{"empty", "no secret inside", write("\n", 0o600)},
		{"readable by everybody", "chmod o=", write(hookSecret, 0o604)},
		{"without the prefix", "does not begin with whsec_", write(canary, 0o600)},
		{"no base64", "is not base64", write("whsec_"+canary+"*", 0o600)},
		{"too short", "less than 24 bytes", write("whsec_"+base64.StdEncoding.EncodeToString([]byte(canary)), 0o600)},
		{"too long", "larger than", write(strings.Repeat(hookSecret+"\n", 100), 0o600)},
		{"a directory", "not a regular file", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"a FIFO that nobody writes", "not a regular file", func(p string) error { return syscall.Mkfifo(p, 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hook-secret")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			err := connect(t, r.URL, path).Send(t.Context(), alerttest.Sample())
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, alerts.ErrRefused) {
				t.Fatalf("err %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), canary[:8]) || strings.Contains(err.Error(), hookSecret[6:14]) {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
	if len(r.messages()) != 0 {
		t.Error("something was sent")
	}
}

func write(text string, mode os.FileMode) func(string) error {
	return func(path string) error {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
}

func TestTLSNeedsAKnownAuthority(t *testing.T) {
	r := newReceiver(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	})
	file := secretFile(t, hookSecret)
	if err := connect(t, r.URL, file).Send(t.Context(), alerttest.Sample()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("err %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	c, err := fromText(t, fmt.Sprintf("url: %s\nsecret_file: %s\nca_file: %s\n", r.URL, file, ca))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), alerttest.Sample()); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("a missing ca_file: %v", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), alerttest.Sample()); err != nil || len(r.messages()) != 1 {
		t.Errorf("with ca_file: %v", err)
	}
}

func TestASlowReceiverIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	c, err := fromText(t, fmt.Sprintf("url: %s\nsecret_file: %s\ntimeout: 50ms\n", slow.URL, secretFile(t, hookSecret)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := c.Send(t.Context(), alerttest.Sample()); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("err %v after %s", err, time.Since(start))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.Send(ctx, alerttest.Sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a URL is required", "secret_file: /x", "url: required"},
		{"so is a secret", "url: https://h.example/x", "secret_file: required"},
		{"http to another machine is refused", "url: http://h.example/x\nsecret_file: /x", "unencrypted"},
		{"http to a name that begins like loopback is refused", "url: http://127.0.0.1.h.example/\nsecret_file: /x", "unencrypted"},
		{"another scheme is refused", "url: ftp://h.example/x\nsecret_file: /x", "must begin with https://"},
		{"userinfo is refused", "url: https://u:CANARY@h.example/x\nsecret_file: /x", "user or password"},
		{"no host is refused", "url: https:///CANARY\nsecret_file: /x", "not a URL"},
		{"a timeout has an end", "url: https://h.example\nsecret_file: /x\ntimeout: 2m", "timeout: must be"},
		{"a timeout has a beginning", "url: https://h.example\nsecret_file: /x\ntimeout: 0s", "timeout: must be"},
		{"an unknown field is refused", "url: https://h.example\nsecret_file: /x\nurls: x", "urls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fromText(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("err %v, want %q", err, c.want)
			}
		})
	}
	for _, good := range []string{"https://h.example/a?b=c", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost/"} {
		if _, err := fromText(t, fmt.Sprintf("url: %q\nsecret_file: /x", good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func FuzzParseSecrets(f *testing.F) {
	f.Add([]byte(hookSecret + "\r\n\n" + otherSecret))
	f.Add([]byte("whsec_"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseSecrets(text)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if k.Len() < minSecret {
				t.Fatal("a short secret was taken")
			}
		}
	})
}

// What docs/alerts.md says about verification must be right, word by word.
func TestThePageVerifiesASignature(t *testing.T) {
	need.All(t, "the verification of docs/alerts.md works", need.Program("python3"))
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	if code == nil {
		t.Fatal("docs/alerts.md has no program in Python")
	}
	file := secretFile(t, hookSecret+"\n"+otherSecret+"\n")
	request := make(chan []byte, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		headers := map[string]string{}
		for name := range req.Header {
			headers[strings.ToLower(name)] = req.Header.Get(name)
		}
		text, _ := json.Marshal(map[string]any{"headers": headers, "body": string(body)})
		request <- text
	}))
	defer srv.Close()
	if err := connect(t, srv.URL, file).Send(t.Context(), alerttest.Sample()); err != nil {
		t.Fatal(err)
	}
	sent := <-request
	for _, c := range []struct {
		rule, secret, from, to string
		want                   string
	}{
		{"the first secret", hookSecret, "", "", "True"},
		{"the second one", otherSecret, "", "", "True"},
		{"another one", "whsec_AAAA", "", "", "False"},
		{"another body", hookSecret, "key_dead", "key_DEAD", "False"},
	} {
		run := exec.CommandContext(t.Context(), "python3", "-c", string(code[1])+
			"\nimport json, sys\nr = json.load(sys.stdin)\nprint(verify(sys.argv[1], r['headers'], r['body'].encode()))", c.secret)
		run.Stdin = strings.NewReader(strings.ReplaceAll(string(sent), c.from, c.to))
		if c.from == "" {
			run.Stdin = bytes.NewReader(sent)
		}
		out, err := run.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.rule, got, err, c.want)
		}
	}
}
