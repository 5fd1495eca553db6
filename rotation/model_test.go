package rotation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/livekey/livekey/internal/key"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func policy() Policy {
	return Policy{
		Key: "K", Provider: "issuer", From: "file:///k",
		Probe: 10 * time.Minute, ConfirmTimes: 3, ConfirmOver: 90 * time.Second, Grace: 24 * time.Hour,
		Expiry:   []time.Duration{12 * time.Hour, time.Hour},
		Rollback: RollbackConfirmed, WatchPrevious: true, Pin: []string{"organization"},
	}
}

// world is a model of all that Next cannot see: a source, an issuer, two sinks,
// and the engine between them, reduced to what it must do.
type world struct {
	t    *rapid.T
	p    Policy
	s    State
	now  time.Time
	wake time.Time

	source  int            // which version the source has, -1: none
	number  bool           // the source numbers its versions
	truth   map[int]string // issuer's view of each version
	road    string         // how the way to the issuer is
	sinks   [2]key.Fingerprint
	broken  [2]bool
	pending *Deliver
	answers map[key.Fingerprint]key.Verdict // last that the issuer itself gave
	dead    bool                            // key_dead is open
	ever    []key.Fingerprint               // delivered, in order
	gone    map[key.Fingerprint]bool        // retired, or beyond the ten
	okayed  map[key.Fingerprint]bool        // approved by a person
	failed  map[key.Fingerprint]bool        // consumers failed on it, and nobody approved it since
	early   bool                            // revoked_early is open

	expiring key.Fingerprint // whose end is told, in short

	refused map[key.Fingerprint]time.Time // since when an old version is refused, in a row
	ended   map[key.Fingerprint]bool      // its rotation was called complete
	queue   []Event
	busy    bool
}

const (
	versions = 8
	kinds    = 25 // of steps
)

func fp(i int) key.Fingerprint { return key.Fingerprint(fmt.Sprintf("%064d", i)) }

func newWorld(t *rapid.T, p Policy) *world {
	w := &world{
		t: t, p: p, now: t0, source: -1, road: "open", truth: map[int]string{},
		answers: map[key.Fingerprint]key.Verdict{}, gone: map[key.Fingerprint]bool{}, okayed: map[key.Fingerprint]bool{},
		failed: map[key.Fingerprint]bool{}, refused: map[key.Fingerprint]time.Time{}, ended: map[key.Fingerprint]bool{},
	}
	for i := range versions {
		w.truth[i] = "live"
	}
	w.send(Started{At: w.now})
	return w
}

// verdict is what a probe of f learns now.
func (w *world) verdict(f key.Fingerprint) key.Verdict {
	v := key.Verdict{Fingerprint: f, CheckedAt: w.now}
	switch w.road {
	case "down":
		v.Reason = key.Transient
		return v
	case "portal":
		v.Reason = key.Intercepted
		return v
	case "unmarked":
		v.Reason = key.Unauthenticated
		return v
	}
	v.Identity = key.Identity{"organization": "ours"}
	v.Outcome, v.Reason = key.Live, key.Valid
	for i := range versions {
		if fp(i) != f {
			continue
		}
		if i%2 == 1 {
			v.ExpiresAt = t0.Add(time.Duration(i) * 5 * time.Hour)
		}
		switch w.truth[i] {
		case "dead":
			v.Outcome, v.Reason, v.Control = key.Dead, key.Invalid, key.ControlGood
		case "blocked":
			v.Reason, v.Which = key.Blocked, "no_credit"
		case "limited":
			v.Reason = key.RateLimited
		case "foreign":
			v.Identity = key.Identity{"organization": "theirs"}
		}
	}
	w.answers[f] = v
	return v
}

func (w *world) send(e Event) {
	w.queue = append(w.queue, e)
	if w.busy { // one after another, as in the engine
		return
	}
	w.busy = true
	for n := 0; len(w.queue) > 0; n++ {
		if n > 60 {
			w.t.Fatalf("events cause events without end: %T", w.queue[0])
		}
		e, before := w.queue[0], w.s
		w.queue = w.queue[1:]
		after, acts := Next(w.p, before, e)
		w.s = after
		w.judge(before, e, acts)
		w.wake = time.Time{}
		for _, a := range acts {
			w.act(a)
		}
	}
	w.busy = false
	w.judgeOld() // everything that was asked for has come back
	w.judgeEarly()
	w.judgeExpiring()
}

// judgeExpiring: the end that is told of is that of the current version, if it lives.
func (w *world) judgeExpiring() {
	if w.expiring != "" && (w.s.Current == nil || w.s.Dead || w.s.Current.Fingerprint.String() != string(w.expiring)) {
		w.t.Fatalf("the end of %s is told, and current is %+v", w.expiring, w.s.Current)
	}
}

func (w *world) act(a Action) {
	switch a := a.(type) {
	case Check:
		w.send(Checked{At: w.now, Verdict: w.verdict(a.Fingerprint)})
	case Refetch:
		w.fetch()
	case Deliver:
		w.pending = &a
		w.write()
	case Withdraw:
		if w.pending != nil && w.pending.Fingerprint == a.Fingerprint {
			w.pending = nil
		}
	case Open:
		w.dead = w.dead || a.Cause == key.KeyDead
		w.early = w.early || a.Cause == key.RevokedEarly
		if a.Cause == key.KeyExpiring {
			w.expiring = key.Fingerprint(a.Evidence["fingerprint"])
		}
		if a.Cause == key.RotationComplete {
			w.judgeEnd(a)
		}
	case Resolve:
		w.dead = w.dead && a.Cause != key.KeyDead
		w.early = w.early && a.Cause != key.RevokedEarly
		if a.Cause == key.KeyExpiring {
			w.expiring = ""
		}
	case WakeAt:
		w.wake = a.At
	}
}

func (w *world) fetch() {
	if w.source < 0 {
		w.send(Vanished{At: w.now})
		return
	}
	e := Fetched{At: w.now, Version: key.Version(fmt.Sprint(w.source)), Fingerprint: fp(w.source)}
	if w.number {
		e.Number = int64(w.source + 1)
	}
	w.send(e)
}

// write is the sinks' writer: it carries what was handed over to each sink that works.
func (w *world) write() {
	d := w.pending
	if d == nil {
		return
	}
	for i := range w.sinks {
		if w.broken[i] || w.sinks[i] == d.Fingerprint {
			continue
		}
		if d.FillsOnly() && w.sinks[i] != "" { // the engine's part of P1: exceptions fill, they replace nothing
			continue
		}
		w.sinks[i] = d.Fingerprint
		w.ever = append(w.ever, d.Fingerprint)
		delete(w.gone, d.Fingerprint)
		delete(w.ended, d.Fingerprint)
		w.report(*d)
	}
	if w.sinks[0] == d.Fingerprint && w.sinks[1] == d.Fingerprint {
		w.pending = nil
		w.report(*d)
	}
}

func (w *world) report(d Deliver) {
	e := Delivered{At: w.now, Fingerprint: d.Fingerprint, Lacking: w.lacking(d.Fingerprint)}
	if d.Exception != Proven {
		e.Unproved = key.Transient
	}
	w.send(e)
}

func (w *world) lacking(f key.Fingerprint) Lacking {
	how := LackingNothing
	for _, have := range w.sinks {
		switch {
		case have == "":
			return LackingAll
		case have != f:
			how = LackingSome
		}
	}
	return how
}

// step plays one thing that may happen.
func (w *world) step(n int) {
	pick := (n / kinds) % versions
	switch n % kinds {
	case 0, 1, 2: // somebody writes a version to the source
		w.source = pick
		w.fetch()
	case 3:
		w.fetch()
	case 4, 5: // the issuer changes its mind about a version
		w.truth[pick] = []string{"live", "dead", "blocked", "limited", "foreign"}[(n/(kinds*versions))%5]
	case 6:
		w.road = []string{"open", "open", "down", "portal", "unmarked"}[(n/kinds)%5]
	case 7, 8, 9, 10, 11, 12: // time passes, and what is due happens
		w.pass([]time.Duration{time.Second, 5 * time.Second, 45 * time.Second, 2 * time.Minute, 11 * time.Minute, 2 * time.Hour}[(n/kinds)%6])
	case 13:
		w.broken[(n/kinds)%2] = (n/(2*kinds))%3 == 0
		w.write()
	case 14: // a sink is wiped
		w.sinks[(n/kinds)%2] = ""
		w.send(Lacked{At: w.now, How: LackingAll})
	case 15:
		w.approve()
	case 16:
		w.send(Paused{At: w.now, Until: w.now.Add(time.Duration(n%7) * time.Minute)})
	case 17:
		w.send(Resumed{At: w.now})
	case 18: // a restart
		w.pending = nil
		w.s = w.s.Durable()
		w.send(Started{At: w.now})
		for _, have := range w.sinks {
			if have != "" && have == fpOf(w.s.Delivering) {
				w.report(Deliver{Fingerprint: have})
			}
		}
		if c := w.s.Current; c != nil {
			w.send(Lacked{At: w.now, How: w.lacking(c.Fingerprint)})
		}
		w.fetch()
	case 19:
		w.source = -1
		w.fetch()
		w.send(StartupOver{At: w.now})
		w.send(Refreshed{At: w.now})
	case 20:
		before := w.s
		w.queue = nil
		after, acts := Next(w.p, before, Reported{At: w.now})
		for _, a := range acts {
			if _, ok := a.(Deliver); ok || after.Dead != before.Dead {
				w.t.Fatalf("the word of a consumer led to %T", a)
			}
		}
		w.send(Reported{At: w.now})
	case 21, 22: // consumers that were told of a version did not come back
		f := fp(pick)
		if c := w.s.Current; c != nil && n%2 == 0 {
			f = c.Fingerprint
		}
		if v := w.s.Find(f); slices.Contains(w.ever, f) && v != nil {
			w.failed[f] = !v.Approved // else whoever approved it knows
			w.send(Failed{At: w.now, Fingerprint: f, Consumer: "unit app.service", Revert: n%3 > 0})
		}
	case 23, 24: // somebody looks who holds what
		e := Sighted{At: w.now, Holders: map[key.Fingerprint][]key.Consumer{}, Blind: n%3 == 0}
		for i, v := range w.s.Older {
			if (n>>i)&1 == 1 {
				e.Holders[v.Fingerprint] = []key.Consumer{"unit:app.service"}
			}
		}
		w.send(e)
	}
}

// approve has a person deliver whatever is held.
func (w *world) approve() {
	if v, _ := w.s.Approvable(""); v != nil {
		w.okayed[v.Fingerprint] = true
		delete(w.failed, v.Fingerprint)
	}
	w.send(Approved{At: w.now})
}

func fpOf(v *Version) key.Fingerprint {
	if v == nil {
		return "none"
	}
	return v.Fingerprint
}

func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for range 50 {
		if w.wake.IsZero() || w.wake.After(end) {
			break
		}
		if w.wake.After(w.now) {
			w.now = w.wake
		}
		w.send(Ticked{At: w.now})
	}
	w.now = end
	w.write()
}

// Three times a hundred runs of 400 steps: 120,000 of them, shrunk to the shortest on failure.
func TestPromisesHoldOverRandomSteps(t *testing.T) {
	steps := rapid.SliceOfN(rapid.IntRange(0, kinds*versions*5-1), 400, 400)
	for name, change := range map[string]func(*Policy){
		"as shipped":        func(*Policy) {},
		"publish if empty":  func(p *Policy) { p.PublishIfEmpty = true },
		"numbered versions": func(*Policy) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := policy()
			change(&p)
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, p)
				w.number = name == "numbered versions"
				for _, n := range steps.Draw(t, "steps") {
					w.step(n)
				}
				w.converges()
			})
		})
	}
}

// converges: whatever happened, once everything works and the source has a live
// version of the right owner, that is what every sink ends up with.
func (w *world) converges() {
	w.road, w.broken = "open", [2]bool{}
	w.source = versions - 1
	w.truth[w.source] = "live"
	w.send(Resumed{At: w.now})
	w.okayed[fp(w.source)] = true
	for range 6 {
		w.fetch()
		w.pass(11 * time.Minute)
		if v, why := w.s.Approvable(""); v != nil && (why == HoldMisplaced || why == HoldFailed) {
			w.approve()
		}
	}
	for i, have := range w.sinks {
		if have != fp(w.source) {
			w.t.Fatalf("sink %d has %q, the source %q; candidate %+v, current %+v", i, have, fp(w.source), w.s.Candidate, w.s.Current)
		}
	}
	if w.dead || w.s.Dead {
		w.t.Fatal("everything works, and key_dead is still open")
	}
}
