package soak

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator/catalog"
)

// A profile is how the way to an issuer is bad, for some hours of every day. What it
// answers is nil where the issuer itself does.
type profile struct {
	answer func(since time.Duration) *http.Response // since the trouble of this day began
	mode   fakeissuer.Mode
	lasts  time.Duration
}

const day = 24 * time.Hour

// profiles are what has been taken for the death of a key.
var profiles = map[string]profile{
	"a proxy's 401 and live answers take turns": {lasts: 20 * time.Hour, answer: func(since time.Duration) *http.Response {
		if since/(7*time.Minute)%2 == 0 {
			return response(http.StatusUnauthorized, `{"message":"Unauthorized"}`)
		}
		return nil
	}},
	"the issuer's authentication is down for a minute, again and again": {lasts: 20 * time.Hour, answer: func(since time.Duration) *http.Response {
		if since%(11*time.Minute) >= time.Minute {
			return nil
		}
		r := response(http.StatusUnauthorized,
			`{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_1"}`)
		r.Header.Set("Request-Id", "req_1")
		return r
	}},
	"a firewall's page, 403":   {lasts: 5 * time.Hour, mode: fakeissuer.Firewall},
	"a captive portal, 200":    {lasts: 5 * time.Hour, mode: fakeissuer.Portal},
	"overloaded for six hours": {lasts: 6 * time.Hour, mode: fakeissuer.Overloaded},
	"no answer in time":        {lasts: 5 * time.Hour, mode: fakeissuer.Slow},
	"an error of the issuer's with 200": {lasts: 5 * time.Hour, answer: func(time.Duration) *http.Response {
		return response(http.StatusOK,
			`{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`)
	}},
	"429 with Retry-After": {lasts: 5 * time.Hour, answer: func(time.Duration) *http.Response {
		r := response(http.StatusTooManyRequests,
			`{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_1"}`)
		r.Header.Set("Request-Id", "req_1")
		r.Header.Set("Retry-After", "600")
		return r
	}},
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// In days of each profile no key is called dead that lives, what rotates is delivered,
// and once the trouble is over a key that was really revoked is told as on any other day.
func TestTroubleAtAnIssuerIsNoDeath(t *testing.T) {
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFlapping(t)
				w.start()
				defer w.stop()
				pass(time.Minute)
				for range *days {
					w.road.trouble(p)
					pass(time.Minute)
					w.replace()
					pass(p.lasts - time.Minute)
					w.road.trouble(profile{})
					pass(day - p.lasts)
					w.delivered()
				}
				for _, cause := range []key.Cause{key.KeyDead, key.RevokedEarly} {
					if times := w.channel.opened(cause); times != 0 {
						t.Errorf("%s was told %d times, and every key lived", cause, times)
					}
				}

				w.road.trouble(p) // revoked in the middle of it
				pass(p.lasts / 2)
				w.road.issuer.Revoke(w.values[w.keys[0]]) // the others live: this is no trouble of the issuer's
				pass(p.lasts / 2)
				w.road.trouble(profile{})
				pass(toldWithin)
				if n := w.channel.opened(key.KeyDead); n != 1 {
					t.Errorf("a revoked key was told dead %d times within %s of the end", n, toldWithin)
				}
			})
		})
	}
}

// toldWithin is how soon after trouble a revoked key is told: the backoff of a version
// that nobody could ask is twice the interval at most, and then it is confirmed.
const toldWithin = 2*probe + confirmOver + 10*time.Second

// flapping is a machine whose keys belong to a real provider, behind a road that can be bad.
type flapping struct {
	*machine
	road   *road
	values map[string]string
}

func newFlapping(t *testing.T) *flapping {
	t.Helper()
	w := &flapping{machine: newMachine(t, "A", "B", "C"), road: &road{issuer: fakeissuer.New()}, values: map[string]string{}}
	provider, err := catalog.Builtin().Lookup("anthropic")
	if err != nil {
		t.Fatal(err)
	}
	w.refresh = 5 * time.Minute
	client := &http.Client{
		Transport: w.road, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if w.machine.issuer, err = provider.Checker(catalog.Settings{Client: client}); err != nil {
		t.Fatal(err)
	}
	w.replace()
	return w
}

// replace rotates every key: its issuer knows the new one and, for now, the old one too.
func (w *flapping) replace() {
	for _, name := range w.keys {
		w.values[name] = fakeissuer.NewAnthropicKey()
		w.road.issuer.Add(w.values[name], fakeissuer.Account{Organization: "org"})
		w.records.set(name, w.values[name])
	}
}

func (w *flapping) delivered() {
	w.t.Helper()
	for _, name := range w.keys {
		if w.sink.get(name) != w.values[name] {
			w.t.Fatalf("%s is not delivered", name)
		}
	}
}

// road is the way to an issuer, without a network.
type road struct {
	issuer *fakeissuer.Issuer
	mu     sync.Mutex
	now    profile
	since  time.Time
}

func (r *road) trouble(p profile) {
	r.issuer.Mode(p.mode)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.since = p, time.Now()
}

func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	now, since := r.now, time.Since(r.since)
	r.mu.Unlock()
	if now.answer != nil {
		if resp := now.answer(since); resp != nil {
			resp.Request = req
			return resp, nil
		}
	}
	said := httptest.NewRecorder()
	r.issuer.ServeHTTP(said, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := said.Result()
	resp.Request = req
	return resp, nil
}
