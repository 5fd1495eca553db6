package catalog

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/checkertest"
)

// flapping are ways in which an issuer, or the way to it, has been bad for hours, one for
// each day. They answer nil while the issuer itself does.
var flapping = []func(since time.Duration, i *simulated) *said{
	func(since time.Duration, _ *simulated) *said { // a proxy's refusal and the issuer take turns
		return during(since < 20*time.Hour && since/(7*time.Minute)%2 == 0, foreign(401, `{"message":"Unauthorized"}`))
	},
	func(since time.Duration, i *simulated) *said { // the issuer refuses everybody for a minute, again and again
		return during(since < 20*time.Hour && since%(11*time.Minute) < time.Minute, i.refused)
	},
	func(since time.Duration, _ *simulated) *said { // a firewall's page
		return during(since < 5*time.Hour, &said{Status: 403, Headers: map[string]string{"Content-Type": "text/html"}, Body: webPage})
	},
	func(since time.Duration, _ *simulated) *said { // a captive portal
		return during(since < 5*time.Hour, &said{Status: 200, Headers: map[string]string{"Content-Type": "text/html"}, Body: webPage})
	},
	func(since time.Duration, _ *simulated) *said { // a gateway's error, said to be good
		return during(since < 5*time.Hour, foreign(200, `{"error":{"code":"unauthorized","message":"upstream refused"}}`))
	},
	func(since time.Duration, i *simulated) *said { // overloaded
		return during(since < 6*time.Hour, &said{Status: 529, Headers: i.live.Headers, Body: i.live.Body})
	},
}

func foreign(status int, body string) *said { return &said{Status: status, Body: body} }

func during(trouble bool, s *said) *said {
	if trouble {
		return s
	}
	return nil
}

// simulated is an issuer in bubble time: it knows one key, until that is revoked.
type simulated struct {
	live, refused *said
	value         string
	began         time.Time
	revoked       bool
}

func (i *simulated) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	since := time.Since(i.began)
	s := flapping[int(since/day)%len(flapping)](since%day, i)
	if i.revoked || s == nil && !strings.Contains(everything(r, body), i.value) {
		s = i.refused
	}
	s = cmp.Or(s, i.live)
	return &http.Response{StatusCode: s.Status, Header: s.header(), Body: io.NopCloser(bytes.NewReader([]byte(s.Body))), Request: r}, nil
}

// refusal is what the issuer tells of a bad key: marked, or known by its shape alone. Nil if
// no answer of the issuer's can make a key dead.
func (c *corpus) refusal(t testing.TB, p *Provider) *said {
	t.Helper()
	if s := c.first("dead/"); s != nil {
		return s
	}
	for i := range c.Answers {
		s := &c.Answers[i]
		if s.Value == c.Value && s.Status != 0 && s.class(t, p).judge(s.answer(), now).Verdict.Rejected() {
			return s
		}
	}
	return nil
}

// life is one key that is delivered: the real state machine, asking through the real Prober.
type life struct {
	policy  rotation.Policy
	state   rotation.State
	wake    time.Time
	prober  *validator.Prober
	request validator.Request
	told    map[key.Cause]int
	open    map[key.Cause]bool
}

// send lets the state machine decide, and does what it says.
func (l *life) send(ctx context.Context, e rotation.Event) {
	var actions []rotation.Action
	l.state, actions = rotation.Next(l.policy, l.state, e)
	for _, a := range actions {
		switch a := a.(type) {
		case rotation.Check:
			l.request.Purpose = map[rotation.Purpose]validator.Purpose{
				rotation.Candidate: validator.Candidate, rotation.Confirm: validator.Confirm,
			}[a.Purpose]
			v := l.prober.Probe(ctx, l.request)
			l.send(ctx, rotation.Checked{At: time.Now(), Verdict: v})
		case rotation.Deliver:
			l.send(ctx, rotation.Delivered{At: time.Now(), Fingerprint: a.Fingerprint})
		case rotation.WakeAt:
			l.wake = a.At
		case rotation.Open:
			if !l.open[a.Cause] { // a cause is told once while it is open
				l.told[a.Cause]++
			}
			l.open[a.Cause] = true
		case rotation.Resolve:
			l.open[a.Cause] = false
		}
	}
}

// pass is time in which nothing happens but what the state machine asked for.
func (l *life) pass(ctx context.Context, d time.Duration) {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		next := end
		if l.wake.After(time.Now()) && l.wake.Before(end) {
			next = l.wake
		}
		time.Sleep(time.Until(next))
		l.send(ctx, rotation.Ticked{At: time.Now()})
	}
}

func newLife(t *testing.T, p *Provider, i *simulated) *life {
	t.Helper()
	c, err := p.Checker(i.refused.settings(p, i, recordedCode)) // where a refusal counts
	if err != nil {
		t.Fatal(err)
	}
	parts := i.live.madeUp(t, p)
	i.value = parts[firstOf(p)]
	return &life{
		policy: rotation.Policy{
			Key: "KEY", Provider: p.ID(), Probe: 10 * time.Minute, ConfirmTimes: 3, ConfirmOver: 90 * time.Second,
			Grace: 24 * time.Hour, Rollback: rotation.RollbackConfirmed, WatchPrevious: true, Pin: p.Pins(),
		},
		prober:  validator.NewProber(),
		request: validator.Request{Key: "KEY", Provider: p.ID(), Checker: c, Material: checkertest.MaterialOf(parts)},
		told:    map[key.Cause]int{}, open: map[key.Cause]bool{},
	}
}

// ofEachKind are providers whose refusals are known in different ways: by a text, by a
// header, under a 200, as XML, by the shape of a status alone, with regions, in the body
// of the call.
var ofEachKind = []string{"anthropic", "datadog-api", "fastly", "figma", "github", "mapbox", "pinecone", "slack", "tailscale", "twilio"}

// In thirty days of flapping issuers no key is called dead that lives; and one that is
// revoked after them is, within the hour.
func TestThirtyDaysOfFlappingIssuers(t *testing.T) {
	all := corpora(t)
	for _, id := range ofEachKind {
		t.Run(id, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := all[id], lookedUp(t, id)
				i := &simulated{live: c.first("live/valid"), refused: c.refusal(t, p), began: time.Now()}
				if i.live == nil || i.refused == nil {
					t.Fatal("nothing recorded is live, or refused")
				}
				l := newLife(t, p, i)
				l.send(t.Context(), rotation.Started{At: time.Now()})
				l.send(t.Context(), rotation.Fetched{At: time.Now(), Version: "1", Fingerprint: l.request.Material.Fingerprint})
				l.pass(t.Context(), 30*24*time.Hour)
				if n := l.told[key.KeyDead]; n != 0 {
					t.Errorf("told dead %d times, and it lived", n)
				}
				if l.state.Current == nil || l.state.Current.Last.Outcome != key.Live {
					t.Error("it is not delivered, or not known to live")
				}
				i.revoked = true
				i.began = time.Now().Add(-23 * time.Hour) // a quiet hour
				l.pass(t.Context(), time.Hour)
				if n := l.told[key.KeyDead]; n != 1 {
					t.Errorf("told dead %d times after it was revoked: %v", n, l.told)
				}
				l.prober.Wait()
			})
		})
	}
}

func TestEachKindIsThere(t *testing.T) {
	bare := 0
	for _, id := range ofEachKind {
		for _, c := range lookedUp(t, id).classes {
			if slices.ContainsFunc(c.rules, func(r rule) bool { return r.Outcome == key.Dead && !r.namesBody() }) {
				bare++
				break
			}
		}
	}
	if bare < 2 {
		t.Errorf("%d providers are known by a status alone", bare)
	}
}
