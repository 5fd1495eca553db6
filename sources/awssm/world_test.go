package awssm_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/awssm"
)

const region = "eu-west-1"

// world is one account, the way to it, and the environment of who reads.
type world struct {
	*fakeaws.Server
	t    *testing.T
	url  string
	user fakeaws.Pair
	log  *journal

	mu     sync.Mutex
	broken map[string]http.HandlerFunc // what is answered where this text is in the request
}

// newWorld makes one in which the environment has the keys of a user, and nothing
// else that the SDK reads.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: fakeaws.New(region), t: t, broken: map[string]http.HandlerFunc{}, log: &journal{}}
	far := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.handler(string(body)).ServeHTTP(rw, r)
	}))
	t.Cleanup(func() { far.CloseClientConnections(); far.Close() })
	w.url = far.URL
	w.user = w.NewUser("livekey")
	cleanEnvironment(t)
	w.login(w.user)
	return w
}

// cleanEnvironment takes away what the SDK would find on this machine.
func cleanEnvironment(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// login puts a pair into the environment.
func (w *world) login(p fakeaws.Pair) {
	w.t.Setenv("AWS_ACCESS_KEY_ID", p.AccessKey)
	w.t.Setenv("AWS_SECRET_ACCESS_KEY", p.SecretKey)
	w.t.Setenv("AWS_SESSION_TOKEN", p.SessionToken)
}

// breaks answers by handler whatever request has text in it.
func (w *world) breaks(text string, handler http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[text] = handler
}

// handler is who answers a request.
func (w *world) handler(body string) http.Handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	for text, broken := range w.broken {
		if strings.Contains(body, text) {
			return broken
		}
	}
	return w.Server
}

// open makes a source with further settings.
func (w *world) open(more ...string) sources.Source {
	w.t.Helper()
	return w.openAt(fmt.Sprintf("region: %s\nendpoint: %s\nsts_endpoint: %s\n%s", region, w.url, w.url, strings.Join(more, "\n")))
}

func (w *world) openAt(settings string) sources.Source {
	w.t.Helper()
	src, err := fromConfig(settings, slog.New(slog.NewTextHandler(w.log, nil)))
	if err != nil {
		w.t.Fatal(err)
	}
	return src
}

func fromConfig(settings string, log *slog.Logger) (sources.Source, error) {
	node, err := config.Parse("test.yaml", "sources.aws", settings)
	if err != nil {
		return nil, err
	}
	return awssm.FromConfig(sources.Env{Name: "aws", Log: log, HTTP: &httpclient.Factory{}}, node)
}

func at(path string) key.Location { return key.Location{Source: "aws", Path: path} }

func staged(path, stage string) key.Location {
	return key.Location{Source: "aws", Path: path, Params: "stage=" + stage}
}

func (w *world) read(src sources.Source, loc key.Location) string {
	w.t.Helper()
	r, err := src.Fetch(w.t.Context(), loc)
	if err != nil {
		w.t.Fatalf("fetch: %v", err)
	}
	return string(r.Data.Reveal())
}

// fails wants an error with every part in its text.
func (w *world) fails(src sources.Source, loc key.Location, parts ...string) {
	w.t.Helper()
	_ = w.failure(src, loc, parts...)
}

// failure is fails that returns the error.
func (w *world) failure(src sources.Source, loc key.Location, parts ...string) error {
	w.t.Helper()
	_, err := src.Fetch(w.t.Context(), loc)
	if err == nil {
		w.t.Fatal("the read succeeded")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("err = %v, want %q in it", err, part)
		}
	}
	return err
}

// journal is a log that a test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
