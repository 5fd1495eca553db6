package validator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// fake is an issuer's checker that answers what the test says.
type fake struct {
	host    string
	needs   bool // NeedsShape
	takes   time.Duration
	lingers time.Duration // after it was told to end
	mu      sync.Mutex
	answer  func() validator.Answer
	control func() validator.Answer
	asked   int
	made    int // control calls
}

func (f *fake) Check(ctx context.Context, m proof.Material) key.Verdict {
	return f.Explain(ctx, m).Settle()
}

func (f *fake) Explain(ctx context.Context, m proof.Material) validator.Answer {
	f.mu.Lock()
	f.asked++
	a := f.answer()
	f.mu.Unlock()
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		time.Sleep(f.lingers)
		a = validator.Answer{Verdict: key.Verdict{Reason: key.Transient}}
	}
	a.Verdict.Fingerprint = m.Fingerprint
	return a
}

func (f *fake) ExplainControl(context.Context, proof.Material) validator.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	return f.control()
}

func (f *fake) NeedsShape() bool { return f.needs }
func (f *fake) Hosts() []string  { return []string{f.host} }
func (f *fake) ID() string       { return "fake " + f.host }

func (f *fake) counts() (asked, made int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.made
}

func (f *fake) says(a validator.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = func() validator.Answer { return a }
}

var (
	live     = validator.Answer{Verdict: key.Verdict{Outcome: key.Live, Reason: key.Valid}}
	refused  = validator.Answer{Verdict: key.Verdict{Outcome: key.Dead, Reason: key.Invalid}, Marked: true}
	unmarked = validator.Answer{Verdict: key.Verdict{Outcome: key.Dead, Reason: key.Invalid}, Shape: "401 /message Server"}
	down     = validator.Answer{Verdict: key.Verdict{Reason: key.Transient}}
	portal   = validator.Answer{Verdict: key.Verdict{Reason: key.Intercepted}}
)

func limited(after time.Duration) validator.Answer {
	return validator.Answer{Verdict: key.Verdict{Outcome: key.Live, Reason: key.RateLimited, RetryAfter: after}}
}

func newFake(host string, a, control validator.Answer) *fake {
	return &fake{
		host:    "https://" + host,
		answer:  func() validator.Answer { return a },
		control: func() validator.Answer { return control },
	}
}

var hasher = secret.NewHasher(secret.New([]byte("salt")))

func request(c validator.Checker, value string) validator.Request {
	name := key.Name("KEY_" + value)
	return validator.Request{
		Key: name, Provider: "fake", Checker: c,
		Material: proof.New(hasher, name, "1", map[key.Part]secret.Value{key.DefaultPart: secret.New([]byte(value))}),
	}
}

func TestEqualKeysShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", live, refused)
		f.takes = time.Second
		p := validator.NewProber()
		var wg sync.WaitGroup
		for i := range 10 {
			r := request(f, "same")
			r.Key = key.Name(fmt.Sprintf("KEY_%d", i))
			wg.Go(func() {
				if v := p.Probe(t.Context(), r); v.Outcome != key.Live {
					t.Errorf("got %s/%s", v.Outcome, v.Reason)
				}
			})
		}
		other := request(f, "other")
		wg.Go(func() { p.Probe(t.Context(), other) })
		wg.Wait()
		if asked, _ := f.counts(); asked != 2 {
			t.Errorf("%d calls for two different values", asked)
		}
	})
}

func TestALiveVerdictIsReusedWhileYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			answer validator.Answer
			wait   time.Duration
			asked  int
		}{
			"a live one":      {live, 59 * time.Second, 1},
			"not an old one":  {live, time.Minute, 2},
			"never a refusal": {refused, time.Second, 2},
			"never a failure": {down, time.Second, 2},
		} {
			f := newFake("a.example", c.answer, refused)
			p := validator.NewProber()
			r := request(f, "v")
			r.MaxAge = time.Minute
			first := p.Probe(t.Context(), r)
			time.Sleep(c.wait)
			second := p.Probe(t.Context(), r)
			if asked, _ := f.counts(); asked != c.asked {
				t.Errorf("%s: %d calls, want %d", name, asked, c.asked)
			}
			if c.asked == 1 && !second.CheckedAt.Equal(first.CheckedAt) {
				t.Errorf("%s: reused, yet said to be of %s", name, second.CheckedAt)
			}
			if zone := first.CheckedAt.Location(); zone != time.UTC {
				t.Errorf("%s: checked at a time in %s", name, zone)
			}
		}
	})
}

func TestMaxAgeZeroAlwaysAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", live, refused)
		p := validator.NewProber()
		p.Probe(t.Context(), request(f, "v"))
		p.Probe(t.Context(), request(f, "v"))
		if asked, _ := f.counts(); asked != 2 {
			t.Errorf("%d calls", asked)
		}
	})
}

func TestRetryAfterIsHonoredPerHostAndKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", limited(time.Minute), refused)
		p := validator.NewProber()
		p.Probe(t.Context(), request(f, "v"))
		time.Sleep(20 * time.Second)
		f.says(live)
		v := p.Probe(t.Context(), request(f, "v"))
		if v.Reason != key.RateLimited || v.RetryAfter != 40*time.Second {
			t.Errorf("within Retry-After: %s/%s, again in %s", v.Outcome, v.Reason, v.RetryAfter)
		}
		if asked, _ := f.counts(); asked != 1 {
			t.Fatalf("%d calls within Retry-After", asked)
		}
		if v := p.Probe(t.Context(), request(f, "other")); v.Reason != key.Valid {
			t.Errorf("another key had to wait too: %s/%s", v.Outcome, v.Reason)
		}
		g := newFake("b.example", live, refused)
		if v := p.Probe(t.Context(), request(g, "v")); v.Reason != key.Valid {
			t.Errorf("another host had to wait too: %s/%s", v.Outcome, v.Reason)
		}
		time.Sleep(40 * time.Second)
		if v := p.Probe(t.Context(), request(f, "v")); v.Reason != key.Valid {
			t.Errorf("after Retry-After: %s/%s", v.Outcome, v.Reason)
		}
	})
}

func TestBudgetKeepsCallsForWhatMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("127.0.0.1", live, refused)
		p := validator.NewProber()
		r := request(f, "v")
		r.Budget = 4 // half of it is kept
		p.Probe(t.Context(), r)
		p.Probe(t.Context(), r)
		v := p.Probe(t.Context(), r)
		if v.Outcome != key.Unknown || v.Reason != key.NotYetAsked || v.RetryAfter <= 0 || !strings.Contains(v.Detail, "budget of 4 calls") {
			t.Errorf("used up: %s/%s again in %s: %s", v.Outcome, v.Reason, v.RetryAfter, v.Detail)
		}
		for _, purpose := range []validator.Purpose{validator.Candidate, validator.Report} {
			r.Purpose = purpose
			if v := p.Probe(t.Context(), r); v.Outcome != key.Live {
				t.Errorf("purpose %d: %s/%s: %s", purpose, v.Outcome, v.Reason, v.Detail)
			}
		}
		r.Purpose = validator.Confirm
		if v := p.Probe(t.Context(), r); v.Reason != key.NotYetAsked {
			t.Errorf("over the limit: %s/%s", v.Outcome, v.Reason)
		}
		if s := p.Stretch(r.Key, r.Budget, time.Minute); s < 23*time.Hour {
			t.Errorf("with nothing left the interval is %s", s)
		}
		time.Sleep(v.RetryAfter)
		if v := p.Probe(t.Context(), r); v.Outcome != key.Live {
			t.Errorf("a day later: %s/%s: %s", v.Outcome, v.Reason, v.Detail)
		}
	})
}

func TestAThousandKeysStartInTwoSecondsAndNoHostIsStormed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := validator.NewProber()
		var wg sync.WaitGroup
		var atOnce atomic.Int32
		start := time.Now()
		for h := range 20 {
			f := newFake(fmt.Sprintf("h%d.example", h), live, refused)
			for k := range 50 {
				wg.Go(func() {
					p.Probe(t.Context(), request(f, fmt.Sprint(h, "-", k)))
					if time.Since(start) < time.Millisecond {
						atOnce.Add(1)
					}
				})
			}
		}
		wg.Wait()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %s", took)
		}
		if n := atOnce.Load(); n > 20*25 {
			t.Errorf("%d of 1000 at once", n)
		}
	})
}

func TestWhoStopsWaitingEndsOnlyHisOwnWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", live, refused)
		f.takes = 10 * time.Second
		p := validator.NewProber()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if v := p.Probe(ctx, request(f, "v")); v.Reason != key.Transient || v.Fingerprint == "" {
				t.Errorf("who stopped got %s/%s", v.Outcome, v.Reason)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if v := p.Probe(t.Context(), request(f, "v")); v.Outcome != key.Live {
				t.Errorf("who stayed got %s/%s", v.Outcome, v.Reason)
			}
		})
		wg.Wait()
		if asked, _ := f.counts(); asked != 1 {
			t.Errorf("%d calls", asked)
		}
	})
}

func TestACallThatNobodyWaitsForEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", live, refused)
		f.takes = 20 * time.Second
		p := validator.NewProber()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		p.Probe(ctx, request(f, "v"))
		p.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("ended after %s", took)
		}
		f.mu.Lock()
		f.takes = 0
		f.mu.Unlock()
		if v := p.Probe(t.Context(), request(f, "v")); v.Outcome != key.Live {
			t.Errorf("the next one got %s/%s", v.Outcome, v.Reason)
		}
	})
}

func TestNobodyJoinsACallThatIsEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", live, refused)
		f.takes, f.lingers = 2*time.Second, time.Minute
		p := validator.NewProber()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Probe(ctx, request(f, "v"))
		if v := p.Probe(t.Context(), request(f, "v")); v.Outcome != key.Live {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
		p.Wait()
		young := request(f, "v")
		young.MaxAge = 2 * time.Minute
		p.Probe(t.Context(), young)
		if asked, _ := f.counts(); asked != 2 {
			t.Errorf("%d calls: the call that ended took the place of the live verdict", asked)
		}
	})
}

type broken struct{ *fake }

func (broken) Explain(context.Context, proof.Material) validator.Answer { panic("CANARY") }

func TestABrokenCheckerIsUnknownAndSaysNothing(t *testing.T) {
	p := validator.NewProber()
	v := p.Probe(t.Context(), request(broken{newFake("127.0.0.1", live, refused)}, "v"))
	if v.Outcome != key.Unknown || v.Reason != key.Unsupported || v.Fingerprint == "" || strings.Contains(v.Detail, "CANARY") {
		t.Errorf("got %+v", v)
	}
}

func TestNoneAsksNobody(t *testing.T) {
	p := validator.NewProber()
	r := request(validator.None, "v")
	r.Budget = 2
	for range 5 {
		v := p.Probe(t.Context(), r)
		if v.Outcome != key.Unknown || v.Reason != key.NoProvider || v.Fingerprint != r.Material.Fingerprint || v.CheckedAt.IsZero() {
			t.Fatalf("got %+v", v)
		}
	}
	if hosts := validator.None.(validator.Hoster).Hosts(); len(hosts) != 0 {
		t.Errorf("hosts %q", hosts)
	}
}
