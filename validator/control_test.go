package validator_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
)

func TestARejectionIsJudgedByItsMarkAndTheControl(t *testing.T) {
	other := unmarked
	other.Shape = "403 Server"
	for name, c := range map[string]struct {
		answer, control validator.Answer
		outcome         key.Outcome
		reason          key.Reason
		said            key.Control
		controls        int
	}{
		"marked, and the road is good":                    {refused, refused, key.Dead, key.Invalid, key.ControlGood, 1},
		"marked, and the issuer is silent to a made-up":   {refused, down, key.Dead, key.Invalid, key.ControlSilent, 1},
		"marked, and a made-up one is accepted":           {refused, portal, key.Unknown, key.Intercepted, "", 1},
		"marked, and a made-up one is refused by another": {refused, unmarked, key.Unknown, key.Intercepted, "", 1},
		"without a mark nothing is dead":                  {unmarked, unmarked, key.Unknown, key.Unauthenticated, "", 0},
		"live needs no control":                           {live, refused, key.Live, key.Valid, "", 0},
		"no answer needs no control":                      {down, refused, key.Unknown, key.Transient, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("a.example", c.answer, c.control)
				v := validator.NewProber().Probe(t.Context(), request(f, "v"))
				if v.Outcome != c.outcome || v.Reason != c.reason || v.Control != c.said {
					t.Errorf("got %s/%s control %q: %s", v.Outcome, v.Reason, v.Control, v.Detail)
				}
				if _, made := f.counts(); made != c.controls {
					t.Errorf("%d control calls, want %d", made, c.controls)
				}
			})
		})
	}
}

func TestOneControlAMinuteAndHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a.example", refused, refused)
		p := validator.NewProber()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if v := p.Probe(t.Context(), request(f, fmt.Sprint(i))); v.Control != key.ControlGood {
					t.Errorf("control %q", v.Control)
				}
			})
		}
		wg.Wait()
		g := newFake("b.example", refused, refused)
		p.Probe(t.Context(), request(g, "v"))
		if _, made := f.counts(); made != 1 {
			t.Errorf("%d control calls at one host", made)
		}
		if _, made := g.counts(); made != 1 {
			t.Errorf("%d control calls at another host", made)
		}
		time.Sleep(time.Minute - time.Second)
		p.Probe(t.Context(), request(f, "1"))
		if _, made := f.counts(); made != 1 {
			t.Errorf("%d control calls within a minute", made)
		}
		time.Sleep(time.Second)
		p.Probe(t.Context(), request(f, "2"))
		if _, made := f.counts(); made != 2 {
			t.Errorf("%d control calls a minute later", made)
		}
	})
}

// An issuer whose refusals have no mark is asked with a made-up credential beside
// a live answer, once a day; for that day its refusals are known by their shape.
func TestShapeLearnedBesideALiveAnswerVouches(t *testing.T) {
	setup := func() (*fake, *validator.Prober) {
		f := newFake("a.example", live, unmarked)
		f.needs = true
		return f, validator.NewProber()
	}
	probe := func(t *testing.T, p *validator.Prober, f *fake) key.Verdict {
		v := p.Probe(t.Context(), request(f, "v"))
		p.Wait()
		return v
	}
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
	run("then it is dead, with a good control", func(t *testing.T) {
		f, p := setup()
		probe(t, p, f)
		time.Sleep(time.Hour)
		f.says(unmarked)
		if v := probe(t, p, f); !v.Rejected() || v.Control != key.ControlGood {
			t.Errorf("got %s/%s control %q", v.Outcome, v.Reason, v.Control)
		}
	})
	run("not another shape", func(t *testing.T) {
		f, p := setup()
		probe(t, p, f)
		foreign := unmarked
		foreign.Shape = "403 Server,X-Squid"
		f.says(foreign)
		if v := probe(t, p, f); v.Reason != key.Unauthenticated {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
	run("not a day later", func(t *testing.T) {
		f, p := setup()
		probe(t, p, f)
		time.Sleep(24 * time.Hour)
		f.says(unmarked)
		if v := probe(t, p, f); v.Reason != key.Unauthenticated {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
	run("one control a day, and always a shape", func(t *testing.T) {
		f, p := setup()
		for range 3 * 24 * 6 {
			probe(t, p, f)
			time.Sleep(10 * time.Minute)
		}
		if _, made := f.counts(); made != 4 { // at 0, 23, 46 and 69 hours
			t.Errorf("%d control calls in three days", made)
		}
		f.says(unmarked)
		if v := probe(t, p, f); !v.Rejected() {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
	run("a control that was accepted teaches nothing", func(t *testing.T) {
		f, p := setup()
		accepted := portal
		accepted.Shape = unmarked.Shape
		f.control = func() validator.Answer { return accepted }
		probe(t, p, f)
		f.says(unmarked)
		if v := probe(t, p, f); v.Reason != key.Unauthenticated {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
	run("a control more than a minute after teaches nothing", func(t *testing.T) {
		f, p := setup()
		f.control = func() validator.Answer { time.Sleep(time.Minute); return unmarked }
		probe(t, p, f)
		f.says(unmarked)
		f.mu.Lock()
		f.control = func() validator.Answer { return unmarked }
		f.mu.Unlock()
		if v := probe(t, p, f); v.Reason != key.Unauthenticated {
			t.Errorf("got %s/%s", v.Outcome, v.Reason)
		}
	})
	run("the live verdict does not wait for it", func(t *testing.T) {
		f, p := setup()
		f.control = func() validator.Answer { time.Sleep(10 * time.Second); return unmarked }
		start := time.Now()
		p.Probe(t.Context(), request(f, "v"))
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
		p.Wait()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("Wait returned after %s", took)
		}
	})
	run("an issuer with marks is not asked", func(t *testing.T) {
		f, p := setup()
		f.needs = false
		probe(t, p, f)
		if _, made := f.counts(); made != 0 {
			t.Errorf("%d control calls", made)
		}
	})
}

// plain is a checker of another kind, such as a database login: whatever it says
// is the issuer's own word.
type plain struct {
	answer, control key.Verdict
}

func (p plain) Check(_ context.Context, m proof.Material) key.Verdict {
	v := p.answer
	v.Fingerprint = m.Fingerprint
	return v
}
func (p plain) Control(context.Context) key.Verdict { return p.control }

type uncontrolled struct{ validator.Checker }

func TestACheckerThatExplainsNothing(t *testing.T) {
	p := plain{refused.Verdict, refused.Verdict}
	if v := validator.NewProber().Probe(t.Context(), request(p, "v")); !v.Rejected() || v.Control != key.ControlGood {
		t.Errorf("with a control: %s/%s control %q", v.Outcome, v.Reason, v.Control)
	}
	if v := validator.NewProber().Probe(t.Context(), request(uncontrolled{p}, "v")); !v.Rejected() || v.Control != key.ControlNone {
		t.Errorf("without one: %s/%s control %q", v.Outcome, v.Reason, v.Control)
	}
}

// either stands for two issuers; the first byte of a value decides.
type either map[byte]validator.Checker

func (e either) Choose(m proof.Material) validator.Checker {
	return e[m.Parts[key.DefaultPart].Reveal()[0]]
}

func (e either) Check(ctx context.Context, m proof.Material) key.Verdict {
	return e.Choose(m).Check(ctx, m)
}

// The road to one issuer says nothing about the road to another, also where one
// Checker stands for both.
func TestEveryIssuerHasAControlOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := newFake("a.example", refused, refused)
		bad := newFake("b.example", refused, portal)
		both := either{'a': good, 'b': bad}
		p := validator.NewProber()
		if v := p.Probe(t.Context(), request(both, "a1")); v.Outcome != key.Dead {
			t.Errorf("a: %s/%s", v.Outcome, v.Reason)
		}
		if v := p.Probe(t.Context(), request(both, "b1")); v.Outcome != key.Unknown || v.Reason != key.Intercepted {
			t.Errorf("b: %s/%s, although its road accepts made-up keys", v.Outcome, v.Reason)
		}
		if _, made := bad.counts(); made != 1 {
			t.Errorf("%d control calls at b, want 1", made)
		}
	})
}
