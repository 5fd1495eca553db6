package validator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

const (
	// controlEvery is how long the answer to a made-up credential speaks for its
	// host, for all keys there.
	controlEvery = time.Minute
	// besideLive is how far a control may be from a live answer to teach a shape.
	besideLive = time.Minute
	// shapeLasts is how long a learned shape vouches for rejections. It is asked
	// anew well before, so that there is always one.
	shapeLasts = 24 * time.Hour
	learnAgain = 23 * time.Hour
	learnRetry = 10 * time.Minute
)

// marks remembers what made-up credentials were told: by each host in the last
// minute, and by each checker's issuer beside a live answer in the last day.
type marks struct {
	mu       sync.Mutex
	controls map[string]*control
	shapes   map[string]*shape
}

type control struct {
	asked  time.Time
	done   chan struct{}
	answer Answer // readable once done is closed
}

type shape struct {
	tried   time.Time
	learned time.Time
	text    string
}

// withControl asks the host of a rejection with a made-up credential, unless it
// was asked less than a minute ago, and puts what it said into the verdict.
func (p *Prober) withControl(ctx context.Context, id, host string, r Request, v key.Verdict) key.Verdict {
	if !hasControl(r.Checker) {
		return v
	}
	c, mine := p.marks.control(host)
	if mine {
		c.answer = askControl(ctx, r)
		close(c.done)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		v.Control = key.ControlSilent
		return v
	}
	a := c.answer
	p.marks.vouch(id, &a)
	switch said := a.Verdict; {
	case said.Rejected() && a.Marked:
		v.Control = key.ControlGood
	case said.Rejected(), said.Reason == key.Intercepted, said.Reason == key.Unauthenticated:
		v.Outcome, v.Reason = key.Unknown, key.Intercepted
		v.Detail = "refused, but the answer to a made-up credential is not the issuer's: somebody in between answers for it"
	default:
		v.Control = key.ControlSilent
	}
	return v
}

// learnShape asks with a made-up credential beside a live answer, once a day and
// only where rejections are known by nothing else. Nobody waits for it.
func (p *Prober) learnShape(ctx context.Context, id string, r Request, live time.Time) {
	e, ok := r.Checker.(Explainer)
	if !ok || !e.NeedsShape() || !p.marks.wantShape(id, live) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	p.work.Go(func() {
		defer cancel()
		a := askControl(ctx, r)
		if now := time.Now(); a.Verdict.Rejected() && a.Shape != "" && now.Sub(live) < besideLive {
			p.marks.learn(id, a.Shape, now)
		}
	})
}

func hasControl(c Checker) bool {
	switch c.(type) {
	case Explainer, Controller:
		return true
	}
	return false
}

// askControl makes the control call. It is finished even if nobody waits for the
// probe any more: others at the host rely on it.
func askControl(ctx context.Context, r Request) (a Answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	defer func() {
		if broken := recover(); broken != nil {
			a = Answer{Verdict: key.Verdict{Reason: key.Unsupported, Detail: fmt.Sprintf("the control call broke: %T", broken)}}
		}
	}()
	secret.Do(func() {
		switch c := r.Checker.(type) {
		case Explainer:
			a = c.ExplainControl(ctx, r.Material)
		case Controller:
			a = Answer{Verdict: c.Control(ctx), Marked: true}
		}
	})
	return a
}

// control returns the host's control of this minute; mine says that the caller
// is the one to ask it.
func (m *marks) control(host string) (c *control, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if c = m.controls[host]; c != nil && now.Sub(c.asked) < controlEvery {
		return c, false
	}
	if m.controls == nil {
		m.controls = map[string]*control{}
	}
	c = &control{asked: now, done: make(chan struct{})}
	m.controls[host] = c
	return c, true
}

// vouch marks a rejection that looks as the issuer's own refusal of a made-up
// credential did, beside a live answer, in the last day.
func (m *marks) vouch(id string, a *Answer) {
	if a.Marked || a.Shape == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shapes[id]
	a.Marked = s != nil && s.text == a.Shape && time.Since(s.learned) < shapeLasts
}

// wantShape says whether to ask for a shape now, and remembers that it was said.
func (m *marks) wantShape(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shapes[id]
	if s == nil {
		if m.shapes == nil {
			m.shapes = map[string]*shape{}
		}
		s = &shape{}
		m.shapes[id] = s
	}
	if now.Sub(s.learned) < learnAgain || now.Sub(s.tried) < learnRetry {
		return false
	}
	s.tried = now
	return true
}

func (m *marks) learn(id, text string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shapes[id]
	s.text, s.learned = text, now
}
