package holders

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// looking is a Looker that is a function.
type looking func(ctx context.Context, w Wanted) (Scan, error)

func (f looking) Look(ctx context.Context, w Wanted) (Scan, error) { return f(ctx, w) }

const pastedKey = "CANARY-c0ffee-0123456789abcdef"

func want(value string) Wanted {
	h := secret.NewHasher(secret.New([]byte("a salt of 32 bytes for the tests")))
	return Wanted{Hasher: h, Prints: []key.Fingerprint{h.Part(secret.New([]byte(value)))}, Files: []string{"/run/sinks/app.env"}}
}

// serve runs a Server for uid on a socket of its own, and returns the socket.
func serve(t *testing.T, s Server) (socket string, ended <-chan error) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Idle == 0 {
		s.Idle = time.Minute
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(cancel)
	return socket, done
}

// blindly sees nothing, and says so.
var blindly = looking(func(context.Context, Wanted) (Scan, error) {
	return Scan{Unseen: []string{"5 processes of user root"}, Processes: 1}, nil
})

var nothing = looking(func(context.Context, Wanted) (Scan, error) { return Scan{}, nil })

// Each question is a number of guesses at what the environments of others hold.
func TestTheServiceRestsBetweenTwoLooks(t *testing.T) {
	const pace = 100 * time.Millisecond
	socket, _ := serve(t, Server{UID: os.Getuid(), Looker: nothing, Pace: pace})
	began := time.Now()
	for range 3 {
		if _, err := (Remote{Socket: socket}).ask(t.Context(), want(pastedKey)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 2*pace {
		t.Errorf("three looks in %s", took)
	}
}

func TestTheServiceLooksForItsPeer(t *testing.T) {
	w := want(pastedKey)
	// What is asked for has the same fingerprint at the other end, under the salt that went there.
	socket, _ := serve(t, Server{UID: os.Getuid(), Looker: looking(func(_ context.Context, got Wanted) (Scan, error) {
		if !slices.Equal(got.Files, w.Files) {
			return Scan{}, fmt.Errorf("files %q", got.Files)
		}
		f := got.Hasher.Part(secret.New([]byte(pastedKey)))
		return Scan{Processes: 9, Sightings: []Sighting{
			{Kind: InProcess, Print: f, Variable: "K", PID: 4, UID: os.Getuid(), User: "of no list", Exporters: []Exporter{{3, "bash"}}},
			{Kind: OneFile, Path: "/run/sinks/app.env", PID: 5, UID: os.Getuid()},
		}}, nil
	})})
	files := looking(func(context.Context, Wanted) (Scan, error) {
		return Scan{Sightings: []Sighting{{Kind: InFile, Path: "/etc/x"}}, Unseen: []string{"/etc/y"}, Processes: 3}, nil
	})
	for range 2 { // it serves more than once
		s, err := Remote{Socket: socket, Instead: blindly, Files: files}.Look(t.Context(), w)
		if err != nil || len(s.Sightings) != 3 || s.Processes != 9 || !slices.Equal(s.Unseen, []string{"/etc/y"}) || s.At.IsZero() {
			t.Fatalf("%+v, %v", s, err)
		}
		if it := s.Sightings[0]; it.Print != w.Prints[0] || it.User == "of no list" || it.User == "" || it.Exporters[0].Command != "bash" {
			t.Errorf("%+v", it)
		}
	}
}

func TestWithoutTheServiceSomebodyElseLooksAndSaysSo(t *testing.T) {
	refused, _ := serve(t, Server{UID: os.Getuid() + 1, Looker: nothing})
	broken, _ := serve(t, Server{UID: os.Getuid(), Looker: looking(func(context.Context, Wanted) (Scan, error) { return Scan{}, errors.New("no procfs") })})
	const hint = "start the service"
	for rule, c := range map[string]struct {
		socket, says string
	}{
		"where none is installed, how to start it": {"/nonexistent/s", hint},
		"where it refuses, that it does":           {refused, "livekey-holders.service could see"},
		"where it cannot look, why":                {broken, "no procfs"},
	} {
		s, err := Remote{Socket: c.socket, Instead: blindly, Files: nothing, Hint: hint}.Look(t.Context(), want(pastedKey))
		if err != nil || s.Processes != 1 || len(s.Unseen) != 2 || !strings.Contains(s.Unseen[1], c.says) {
			t.Errorf("%s: %+v, %v", rule, s, err)
		}
	}
	if s, err := (Remote{Socket: "/nonexistent/s", Instead: nothing, Hint: hint}).Look(t.Context(), want(pastedKey)); err != nil || len(s.Unseen) > 0 {
		t.Errorf("everything was seen, and it says %q, %v", s.Unseen, err)
	}
}

func TestTheServiceEndsWhenNobodyAsks(t *testing.T) {
	_, ended := serve(t, Server{UID: os.Getuid(), Looker: nothing, Idle: 10 * time.Millisecond})
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for ever")
	}
}

// The salt is zero once the answer is given, and no value is in what passes.
func TestNoValuePassesBetweenDaemonAndService(t *testing.T) {
	w := want(pastedKey)
	var wire bytes.Buffer
	if err := ask(&wire, w); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wire.Bytes(), []byte(pastedKey)) {
		t.Error("a value is in the request")
	}
	got, wipe, err := readQuestion(&wire)
	if err != nil {
		t.Fatal(err)
	}
	salt := got.Hasher.Salt().Reveal()
	if !bytes.Equal(salt, w.Hasher.Salt().Reveal()) {
		t.Fatal("it is another salt")
	}
	if wipe(); !bytes.Equal(salt, make([]byte, len(salt))) {
		t.Error("the salt is still there")
	}
}

func TestWhatIsNotARequestIsRefused(t *testing.T) {
	f := want(pastedKey).Prints[0]
	request := func(salt int, json string) string {
		return fmt.Sprintf("%c%c%s%s%s", salt>>8, salt&0xff, strings.Repeat("s", salt), sized(json), json)
	}
	for rule, text := range map[string]string{
		"a salt that is too short":     request(15, `{"version":1}`),
		"a salt that does not come":    "\x00\x20short",
		"another version":              request(32, `{"version":2}`),
		"a fingerprint that is short":  request(32, `{"version":1,"prints":["abc"]}`),
		"a fingerprint that is no hex": request(32, `{"version":1,"prints":["`+strings.Repeat("g", 64)+`"]}`),
		"a relative path":              request(32, `{"version":1,"prints":["`+string(f)+`"],"files":["etc"]}`),
		"no JSON":                      request(32, `{`),
		"more than is announced":       "\x00\x20" + strings.Repeat("s", 32) + "\xff\xff\xff\xff{}",
		"less than is announced":       "\x00\x20" + strings.Repeat("s", 32) + "\x00\x00\x00\x20{}",
	} {
		if w, _, err := readQuestion(strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken as %+v", rule, w)
		}
	}
	if _, _, err := readQuestion(strings.NewReader(request(32, `{"version":1,"prints":["`+string(f)+`"]}`))); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func sized(json string) string {
	n := len(json)
	return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestWhatWasNotAskedIsNoAnswer(t *testing.T) {
	f, other := want(pastedKey).Prints[0], want("other").Prints[0]
	for rule, json := range map[string]string{
		"another version":                     `{"version":2}`,
		"an error":                            `{"version":1,"error":"it cannot"}`,
		"a fingerprint that was not wanted":   `{"version":1,"sightings":[{"kind":"process","pid":1,"print":"` + string(other) + `"}]}`,
		"a process without a fingerprint":     `{"version":1,"sightings":[{"kind":"process","pid":1}]}`,
		"a sighting of no process":            `{"version":1,"sightings":[{"kind":"process","print":"` + string(f) + `"}]}`,
		"a file, which the service sees none": `{"version":1,"sightings":[{"kind":"file","pid":1,"print":"` + string(f) + `"}]}`,
	} {
		if s, err := readAnswer(strings.NewReader(sized(json)+json), []key.Fingerprint{f}); err == nil {
			t.Errorf("%s: taken as %+v", rule, s)
		}
	}
}

// Whoever asks decides how long a service that hangs is waited for.
func TestAServiceThatHangsIsGivenUp(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := (Remote{Socket: l.Addr().String(), Instead: blindly}).Look(ctx, want(pastedKey)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func FuzzReadQuestion(f *testing.F) {
	var good bytes.Buffer
	if err := ask(&good, want("x")); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		w, wipe, err := readQuestion(bytes.NewReader(b))
		defer wipe()
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := ask(&again, w); err != nil {
			t.Fatalf("what was read cannot be asked: %v", err)
		}
		back, _, err := readQuestion(&again)
		if err != nil || !slices.Equal(back.Prints, w.Prints) || !slices.Equal(back.Files, w.Files) || !back.Hasher.Salt().Equal(w.Hasher.Salt()) {
			t.Fatalf("read %+v, and of that %+v, %v", w, back, err)
		}
	})
}

func FuzzReadAnswer(f *testing.F) {
	wanted := want("x").Prints
	var good bytes.Buffer
	if err := writeJSON(&good, answer{Version: wireVersion, Scan: Scan{Sightings: []Sighting{{Kind: InProcess, PID: 1, Print: wanted[0]}}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readAnswer(io.LimitReader(bytes.NewReader(b), 1<<20), wanted)
		if err != nil {
			return
		}
		for _, it := range s.Sightings {
			if it.Print != "" && it.Print != wanted[0] || it.PID <= 0 || len(it.Command) > maxLine {
				t.Fatalf("believed %+v", it)
			}
		}
	})
}
