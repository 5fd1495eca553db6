package validator

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
)

// Purpose is why a probe is asked for. All but Routine may use the reserve of the
// day's budget.
type Purpose uint8

// The purposes.
const (
	Routine   Purpose = iota // the current version is proved again
	Candidate                // a version that is not delivered yet
	Confirm                  // a rejection is asked again before it counts
	Report                   // a consumer saw a 401
)

// DefaultBudget is how many calls a key may cost in a day.
const DefaultBudget = 500

// callTimeout bounds one call and its control, should a Checker not do so itself.
const callTimeout = 30 * time.Second

// keep is how long a verdict is remembered at least; no MaxAge reaches further.
const keep = time.Hour

// Request asks for one probe.
type Request struct {
	Key      key.Name
	Provider string
	Checker  Checker
	Material proof.Material
	Purpose  Purpose
	Budget   int           // calls of Key a day, 0: DefaultBudget
	MaxAge   time.Duration // a live verdict this young is as good as a new one; 0: none is
}

// Prober is the only way to an issuer. Whatever is wrong with one key, host or
// issuer delays no other. Safe for concurrent use; make one with NewProber.
type Prober struct {
	hosts hosts
	marks marks
	work  sync.WaitGroup
	heard func(provider string, v key.Verdict, took time.Duration)

	mu       sync.Mutex
	budgets  map[key.Name]*budget
	subjects map[subjectID]*subject
	owners   map[string]key.Identity // the last that each checker told
	swept    time.Time
}

type budget struct {
	limit int
	schedule.Budget
}

// subjectID is what is asked: the same bytes at the same checker are asked once.
type subjectID struct {
	checker     string
	fingerprint key.Fingerprint
}

type subject struct {
	running   *call
	last      key.Verdict
	notBefore time.Time // the issuer said when it may be asked again
}

// call is one probe on its way, and everybody who waits for it.
type call struct {
	done    chan struct{}
	verdict key.Verdict // readable once done is closed
	waiting int
	cancel  context.CancelFunc
}

// NewProber returns a Prober that has asked nobody yet.
func NewProber() *Prober {
	return &Prober{
		budgets:  map[key.Name]*budget{},
		subjects: map[subjectID]*subject{},
		owners:   map[string]key.Identity{},
		heard:    func(string, key.Verdict, time.Duration) {},
	}
}

// Observe has f called after each live call, control calls aside, with how long the
// answer took. It is said before the first Probe.
func (p *Prober) Observe(f func(provider string, v key.Verdict, took time.Duration)) { p.heard = f }

// Probe asks the issuer of r.Material, unless the same question is on its way
// already or was answered live less than r.MaxAge ago: then that answer counts.
// While the issuer does not want to be asked again, its last answer is returned,
// with the rest of its Retry-After. Probe returns when there is a verdict or ctx
// ends; CheckedAt is when the issuer answered. A rejection comes with what a
// made-up credential was told at the same time.
func (p *Prober) Probe(ctx context.Context, r Request) key.Verdict {
	if c, ok := r.Checker.(Chooser); ok {
		r.Checker = c.Choose(r.Material)
	}
	if asksNobody(r.Checker) {
		v := r.Checker.Check(ctx, r.Material)
		v.CheckedAt = time.Now().UTC()
		return v
	}
	id := subjectID{checkerID(r), r.Material.Fingerprint}
	now := time.Now()

	p.mu.Lock()
	p.sweep(now)
	s := p.subjects[id]
	if s == nil {
		s = &subject{}
		p.subjects[id] = s
	}
	switch {
	case s.last.Outcome == key.Live && now.Sub(s.last.CheckedAt) < r.MaxAge:
		defer p.mu.Unlock()
		return s.last
	case now.Before(s.notBefore):
		defer p.mu.Unlock()
		v := s.last
		v.RetryAfter = s.notBefore.Sub(now)
		return v
	case s.running == nil:
		if ok, at := p.budget(r.Key, r.Budget).Take(now, r.Purpose != Routine); !ok {
			defer p.mu.Unlock()
			return exhausted(r, now, at)
		}
		s.running = p.start(ctx, id, s, r)
	}
	c := s.running
	c.waiting++
	p.mu.Unlock()

	select {
	case <-c.done:
		return c.verdict
	case <-ctx.Done():
		p.leave(s, c)
		return key.Verdict{
			Reason:      key.Transient,
			Detail:      "livekey stopped waiting for the issuer",
			Fingerprint: r.Material.Fingerprint,
			CheckedAt:   time.Now().UTC(),
		}
	}
}

// Stretch returns the interval at which name may be probed so that its budget
// lasts: every, or longer.
func (p *Prober) Stretch(name key.Name, limit int, every time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget(name, limit).Stretch(time.Now(), every)
}

// Wait returns when no call is on its way any more.
func (p *Prober) Wait() { p.work.Wait() }

// start makes the call in a goroutine that ends with it. It outlives ctx as long
// as anybody else waits for it.
func (p *Prober) start(ctx context.Context, id subjectID, s *subject, r Request) *call {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	c := &call{done: make(chan struct{}), cancel: cancel}
	p.work.Go(func() {
		defer cancel()
		v := p.ask(ctx, id.checker, r)
		p.mu.Lock()
		v.Identity = p.shared(id.checker, v.Identity)
		if s.running == c { // else everybody left, and this is no answer of the issuer's
			s.running = nil
			s.last = v
			s.notBefore = v.CheckedAt.Add(v.RetryAfter)
		}
		p.mu.Unlock()
		c.verdict = v
		close(c.done)
	})
	return c
}

// shared is owner as the checker told it before, if it did: nobody changes an Identity, and
// thousands of keys have one owner. The caller holds mu.
func (p *Prober) shared(checker string, owner key.Identity) key.Identity {
	if before := p.owners[checker]; maps.Equal(before, owner) {
		return before
	}
	if len(owner) > 0 {
		p.owners[checker] = owner
	}
	return owner
}

// leave gives up waiting; the last one to do so ends the call.
func (p *Prober) leave(s *subject, c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.waiting--; c.waiting > 0 {
		return
	}
	c.cancel()
	if s.running == c {
		s.running = nil // whoever comes now does not join a call that is ending
	}
}

// ask makes the one live call, and judges a rejection.
func (p *Prober) ask(ctx context.Context, id string, r Request) (v key.Verdict) {
	host := hostOf(r)
	defer func() {
		if broken := recover(); broken != nil { // one bad checker never ends the daemon
			v = key.Verdict{Reason: key.Unsupported, Detail: fmt.Sprintf("the checker of provider %s broke: %T", r.Provider, broken)}
		}
		v.Fingerprint = r.Material.Fingerprint
		if v.CheckedAt.IsZero() {
			v.CheckedAt = time.Now().UTC()
		}
	}()
	if err := p.hosts.wait(ctx, host); err != nil {
		return key.Verdict{Reason: key.NotYetAsked, Detail: "not asked: too many probes are waiting for " + host}
	}
	began := time.Now()
	var a Answer
	secret.Do(func() { a = explain(ctx, r) })
	a.Verdict.CheckedAt = time.Now().UTC()
	p.marks.vouch(id, &a)
	v = a.Settle()
	p.heard(r.Provider, v, time.Since(began))
	switch {
	case v.Rejected() && !a.Local:
		v = p.withControl(ctx, id, host, r, v)
	case v.Outcome == key.Live:
		p.learnShape(ctx, id, r, v.CheckedAt)
	}
	return v
}

func explain(ctx context.Context, r Request) Answer {
	if e, ok := r.Checker.(Explainer); ok {
		return e.Explain(ctx, r.Material)
	}
	return Answer{Verdict: r.Checker.Check(ctx, r.Material), Marked: true}
}

func exhausted(r Request, now, at time.Time) key.Verdict {
	limit := r.Budget
	if limit == 0 {
		limit = DefaultBudget
	}
	return key.Verdict{
		Reason: key.NotYetAsked,
		Detail: fmt.Sprintf("the budget of %d calls a day for this key is used up; the next one is possible at %s; "+
			"probe less often or raise policy.budget", limit, at.Format(time.RFC3339)),
		Fingerprint: r.Material.Fingerprint,
		CheckedAt:   now.UTC(),
		RetryAfter:  at.Sub(now),
	}
}

func (p *Prober) budget(name key.Name, limit int) *budget {
	if limit == 0 {
		limit = DefaultBudget
	}
	b := p.budgets[name]
	if b == nil || b.limit != limit { // another limit starts the day anew
		b = &budget{limit: limit, Budget: schedule.NewBudget(limit)}
		p.budgets[name] = b
	}
	return b
}

// sweep forgets what nobody can ask for any more.
func (p *Prober) sweep(now time.Time) {
	if now.Sub(p.swept) < keep {
		return
	}
	p.swept = now
	for id, s := range p.subjects {
		if s.running == nil && now.Sub(s.last.CheckedAt) > keep && now.After(s.notBefore) {
			delete(p.subjects, id)
		}
	}
}

func asksNobody(c Checker) bool {
	h, ok := c.(Hoster)
	return ok && len(h.Hosts()) == 0
}

func checkerID(r Request) string {
	if i, ok := r.Checker.(Identifier); ok {
		return i.ID()
	}
	return r.Provider + " " + hostOf(r)
}

// hostOf is the host that the probe is counted against.
func hostOf(r Request) string {
	if h, ok := r.Checker.(Hoster); ok {
		return h.Hosts()[0]
	}
	return "provider " + r.Provider
}
