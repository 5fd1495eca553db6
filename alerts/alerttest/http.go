package alerttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
)

// An HTTPHarness is a kind of channel that speaks HTTP.
type HTTPHarness struct {
	// Open makes a channel, as after a start of livekey, to the receiver at
	// address: scheme, host and port.
	Open func(t testing.TB, address string) alerts.Channel

	// Take reads one request as the receiver does, or says what is wrong with it.
	Take func(req *http.Request, body []byte) (Message, error)

	// Credential is the channel's own, which no error quotes.
	Credential string
}

// RunHTTP holds a kind to the contract of alerts.Channel, as Run does, and to what
// answers mean: 2xx is taken; 4xx is final, but for those that pass; all others, a redirect
// among them, pass, and Retry-After is kept.
func RunHTTP(t *testing.T, h HTTPHarness) {
	Run(t, func(t testing.TB) Harness {
		r := newHTTPReceiver(t, h.Take)
		return Harness{
			Open:     func(t testing.TB) alerts.Channel { return h.Open(t, r.URL) },
			Received: func(testing.TB) []Message { return r.messages() },
			Fault: func(testing.TB) func() {
				r.answers(func(w http.ResponseWriter) { http.Error(w, h.Credential, http.StatusBadGateway) })
				return func() { r.answers(nil) }
			},
			Address:    r.Listener.Addr().String(),
			OpenAt:     func(t testing.TB, address string) alerts.Channel { return h.Open(t, "http://"+address) },
			Credential: h.Credential,
		}
	})
	for _, a := range answers {
		t.Run(a.rule, func(t *testing.T) { a.hold(t, h) })
	}
	t.Run("nobody there passes", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		err := h.Open(t, gone.URL).Send(t.Context(), Sample())
		if err == nil || errors.Is(err, alerts.ErrRefused) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), h.Credential) {
			t.Errorf("err %v", err)
		}
	})
}

// An answer is what a receiver says, and what that means.
type answer struct {
	rule       string
	status     int
	retryAfter string
	refused    bool
	after      time.Duration
}

var answers = []answer{
	{"200 is taken", 200, "", false, 0},
	{"202 is taken", 202, "", false, 0},
	{"a redirect is not followed, and may pass", 302, "", false, 0},
	{"one that keeps the method neither", 307, "", false, 0},
	{"400 is final", 400, "", true, 0},
	{"401 is final", 401, "", true, 0},
	{"404 is final", 404, "", true, 0},
	{"408 may pass", 408, "", false, 0},
	{"410 is final", 410, "", true, 0},
	{"425 may pass", 425, "", false, 0},
	{"429 may pass", 429, "", false, 0},
	{"429 says when", 429, "7", false, 7 * time.Second},
	{"503 says when", 503, "120", false, 2 * time.Minute},
	{"nobody is waited for longer than 15 minutes", 503, "99999999999", false, 15 * time.Minute},
	{"a date says when too", 429, time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat), false, 15 * time.Minute},
	{"a date gone by says nothing", 429, "Mon, 02 Jan 2006 15:04:05 GMT", false, 0},
	{"nonsense says nothing", 503, "soon", false, 0},
	{"500 may pass, whatever it says", 500, "7", false, 0},
}

func (a answer) hold(t *testing.T, h HTTPHarness) {
	r := newHTTPReceiver(t, h.Take)
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	r.answers(func(w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere.URL)
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		w.WriteHeader(a.status)
	})
	err := h.Open(t, r.URL).Send(t.Context(), Sample())
	if (err == nil) != (a.status/100 == 2) || errors.Is(err, alerts.ErrRefused) != a.refused || followed.Load() {
		t.Errorf("err %v, redirect followed: %v", err, followed.Load())
	}
	if err != nil && strings.Contains(fmt.Sprintf("%+v %#v", err, err), h.Credential) {
		t.Error("the credential is in the error")
	}
	later, ok := errors.AsType[*alerts.RetryError](err)
	if ok != (a.after > 0) || ok && later.After != a.after {
		t.Errorf("err %#v, want after %s", err, a.after)
	}
}

// httpReceiver is where alerts go.
type httpReceiver struct {
	*httptest.Server
	t    testing.TB
	take func(*http.Request, []byte) (Message, error)

	mu     sync.Mutex
	got    []Message
	answer func(http.ResponseWriter) // instead of the usual one
}

func newHTTPReceiver(t testing.TB, take func(*http.Request, []byte) (Message, error)) *httpReceiver {
	t.Helper()
	r := &httpReceiver{t: t, take: take}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *httpReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer != nil {
		r.answer(w)
		return
	}
	body, err := io.ReadAll(req.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return // it was cut off, and is none
	}
	m, refused := r.take(req, body)
	if err = errors.Join(err, refused); err == nil && (req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json") {
		err = fmt.Errorf("%s of %s", req.Method, req.Header.Get("Content-Type"))
	}
	if err != nil {
		r.t.Errorf("the receiver would not take it: %v\n%s", err, bytes.TrimSpace(body))
	}
	r.got = append(r.got, m)
	w.WriteHeader(http.StatusAccepted)
}

func (r *httpReceiver) messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func (r *httpReceiver) answers(f func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}
