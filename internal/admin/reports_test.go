package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/peercred"
	"github.com/livekey/livekey/internal/report"
)

func reportHandler(d Daemon) http.Handler {
	s := &Server{o: Options{Daemon: d, Log: slog.New(slog.DiscardHandler)}, public: true}
	return s.reportHandler()
}

func TestReportsAreRefused(t *testing.T) {
	post := func(path, body string) *http.Request { return call("POST", path, body, Header, "1") }
	long := `{"key":"GOOD","detail":"` + strings.Repeat("a", maxReport) + `"}`
	for _, tt := range []struct {
		rule       string
		r          *http.Request
		wantStatus int
		wantWhy    string
	}{
		{"without the header", call("POST", "/v1/unauthorized", `{"key":"GOOD"}`), 403, "X-Livekey"},
		{"of a web page", call("POST", "/v1/adopted", `{}`, Header, "1", "Origin", "null"), 403, "Origin"},
		{"without a key", post("/v1/unauthorized", `{}`), 400, "which one"},
		{"with a long body", post("/v1/unauthorized", long), 413, "too large"},
		{"with a long detail", post("/v1/unauthorized", `{"key":"GOOD","detail":"`+strings.Repeat("a", 201)+`"}`), 400, "200 bytes"},
		{"with a detail of two lines", post("/v1/unauthorized", `{"key":"GOOD","detail":"a\nb"}`), 400, "printable"},
		{"with a status that is none", post("/v1/unauthorized", `{"key":"GOOD","status":4010}`), 400, "three digits"},
		{"of a consumer that is none", post("/v1/unauthorized", `{"key":"GOOD","consumer":"app"}`), 400, "must begin with one of unit"},
		{"with a field that means nothing", post("/v1/unauthorized", `{"key":"GOOD","value":"v"}`), 400, "does not know"},
		{"with a wait that is no answer", post("/v1/unauthorized?wait=long", `{"key":"GOOD"}`), 400, "wait"},
		{"of a key that is not his", post("/v1/unauthorized", `{"key":"OTHER"}`), 404, "no such key for you"},
		{"of no version", post("/v1/adopted", `{"key":"GOOD"}`), 400, "which version"},
		{"of two versions", post("/v1/adopted", `{"key":"GOOD","version":"1","fingerprint":"0123456789ab"}`), 400, "which version"},
		{"by too little of a fingerprint", post("/v1/adopted", `{"key":"GOOD","fingerprint":"0123456789"}`), 400, "12 digits"},
		{"by what is no digest", post("/v1/adopted", `{"key":"GOOD","sha256":"`+strings.Repeat("g", 64)+`"}`), 400, "hex"},
		{"what the other socket serves", call("GET", "/v1/status", "", Header, "1"), 404, ""},
		{"and what changes something", post("/v1/approve", `{"name":"GOOD"}`), 404, ""},
		{"health too", call("GET", "/live", ""), 404, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := &fakeDaemon{}
			w := httptest.NewRecorder()
			reportHandler(d).ServeHTTP(w, tt.r)
			if w.Code != tt.wantStatus || !strings.Contains(w.Body.String(), tt.wantWhy) {
				t.Errorf("got %d %q, want %d and a word about %q", w.Code, w.Body, tt.wantStatus, tt.wantWhy)
			}
			if calls := d.asked(); len(calls) > 0 && tt.wantWhy != "no such key for you" {
				t.Errorf("the daemon was asked: %v", calls)
			}
		})
	}
}

// startReports serves d on the socket for reports until the test ends.
func startReports(t *testing.T, d Daemon) (socket string) {
	t.Helper()
	socket = ReportSocket(socketIn(t))
	s, err := ListenReports(t.Context(), socket, Options{Daemon: d, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return socket
}

func TestEverybodyReachesTheSocketForReports(t *testing.T) {
	socket := startReports(t, &fakeDaemon{})
	for path, want := range map[string]fs.FileMode{socket: fs.ModeSocket | 0o666, filepath.Dir(socket): fs.ModeDir | 0o711} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
}

func TestTheKernelSaysWhoReports(t *testing.T) {
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule    string
		open    func(*testing.T, *recorder) string
		trusted bool
	}{
		{"on the socket for reports everybody speaks for himself", func(t *testing.T, d *recorder) string { return startReports(t, d) }, os.Getuid() == 0},
		{"who may use the daemon's socket is trusted", func(t *testing.T, d *recorder) string {
			socket := socketIn(t)
			startAt(t, socket, Options{Daemon: d})
			return socket
		}, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d := &recorder{}
			a, err := NewClient(c.open(t, d)).Unauthorized(t.Context(), Unauthorized{Key: "GOOD", Detail: "401"})
			if err != nil || a.Verdict != report.Fine {
				t.Fatalf("%+v, %v", a, err)
			}
			by := d.by
			if by.UID != uint32(os.Getuid()) || by.GID != uint32(os.Getgid()) || by.PID != os.Getpid() || by.Trusted != c.trusted {
				t.Errorf("it was %+v", by)
			}
			for _, g := range groups {
				if !slices.Contains(by.Groups, uint32(g)) {
					t.Errorf("group %d is not among %v", g, by.Groups)
				}
			}
		})
	}
}

// recorder remembers who spoke.
type recorder struct {
	fakeDaemon
	by Speaker
}

func (d *recorder) Unauthorized(_ context.Context, by Speaker, r Unauthorized, _ bool) (report.Answer, error) {
	d.by = by
	return report.Answer{Key: key.Name(r.Key), Verdict: report.Fine}, nil
}

func TestOneUserCannotTakeEveryConnection(t *testing.T) {
	socket := startReports(t, &fakeDaemon{})
	dial := func() net.Conn {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var idle []net.Conn
	for range maxUserConns {
		idle = append(idle, dial())
	}
	over := dial()
	if n, err := over.Read(make([]byte, 1)); n != 0 || err == nil { // hung up on
		t.Errorf("one more than %d: read %d, %v", maxUserConns, n, err)
	}
	_ = over.Close()
	for _, c := range idle {
		_ = c.Close()
	}
	c := NewClient(socket)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		_, err := c.Unauthorized(t.Context(), Unauthorized{Key: "GOOD"})
		if err == nil {
			return
		}
	}
	t.Error("nobody is served after they ended")
}

func TestConnectionsAreCountedByUser(t *testing.T) {
	l := limitUsers(nil)
	for range maxUserConns {
		if !l.enter(1) {
			t.Fatal("refused too early")
		}
	}
	if l.enter(1) || !l.enter(2) {
		t.Error("one user's connections are another's")
	}
	for range maxUserConns {
		l.exit(1)
	}
	l.exit(2)
	if len(l.conns) != 0 || !l.enter(1) {
		t.Errorf("left behind: %v", l.conns)
	}
}

func FuzzReport(f *testing.F) {
	for _, s := range []string{
		`{"key":"A"}`, `{"key":"A","consumer":"unit:a","status":401,"detail":"x"}`, `{"key":"A","sha256":""}`, `{"key":1}`, `{`, "{\"key\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decode[Unauthorized](bytes.NewReader(body))
		if err != nil {
			if _, bad := errors.AsType[*badRequest](err); !bad {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if r.Key == "" || len(r.Detail) > maxDetail || strings.ContainsAny(r.Detail, "\n\r\x00\x1b") {
			t.Fatalf("accepted %+v", r)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decode[Unauthorized](bytes.NewReader(again)); err != nil || same != r {
			t.Fatalf("%+v became %+v, %v", r, same, err)
		}
	})
}

// The kernel tells of who connected. Who hands the connection on and ends is nobody that
// anybody could look at: then any process of the sink's group could speak for another.
func TestWhoHasEndedSpeaksForNobody(t *testing.T) {
	gone := exec.Command("/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule string
		from peercred.Cred
		want int
	}{
		{"who has ended is refused", peercred.Cred{UID: 64001, PID: gone.Process.Pid}, 400},
		{"who is there is heard", peercred.Cred{UID: 64001, PID: os.Getpid()}, 200},
		{"who is in another place is heard", peercred.Cred{UID: 64001}, 200},
		{"root is", peercred.Cred{PID: gone.Process.Pid}, 200},
	} {
		for path, body := range map[string]string{
			"/v1/adopted": `{"key":"GOOD","version":"1"}`, "/v1/unauthorized": `{"key":"GOOD"}`,
		} {
			w := httptest.NewRecorder()
			r := call("POST", path, body, Header, "1")
			reportHandler(&fakeDaemon{}).ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), peerKey{}, c.from)))
			if w.Code != c.want {
				t.Errorf("%s: %s answers %d: %s", c.rule, path, w.Code, w.Body)
			}
		}
	}
}
