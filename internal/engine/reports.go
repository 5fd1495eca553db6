package engine

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/validator"
)

// Times of reports.
const (
	reportEvery = time.Minute      // one report of a key in this time causes work
	reportShare = 5                // and they cause no more calls in a day than its budget by this
	reportWait  = 20 * time.Second // how long that work is waited for
)

// reports remembers which keys were reported when.
type reports struct {
	mu      sync.Mutex
	last    map[key.Name]*inquiry
	allowed map[key.Name]*schedule.Allowance
}

// inquiry is the work that a report caused.
type inquiry struct {
	at     time.Time
	before key.Fingerprint // what was delivered then
	done   chan struct{}   // closed when the issuer was asked and the source read
}

// inherit takes over when the keys were reported, so that a reload is no new minute.
func (r *reports) inherit(before *Engine) {
	r.last, r.allowed = map[key.Name]*inquiry{}, map[key.Name]*schedule.Allowance{}
	if before == nil {
		return
	}
	before.reports.mu.Lock()
	defer before.reports.mu.Unlock()
	for name, a := range before.reports.allowed {
		r.allowed[name] = new(*a)
	}
	for name, q := range before.reports.last {
		if now().Sub(q.at) < reportEvery {
			r.last[name] = q
		}
	}
}

// allow says whether a report of k may cause work now. Nobody who reports again and again uses
// up the budget with which the key is probed and a new one proved. The caller holds mu.
func (r *reports) allow(k *keyRun, at time.Time) bool {
	if q := r.last[k.Name]; q != nil && at.Sub(q.at) < reportEvery {
		return false
	}
	if r.allowed[k.Name] == nil {
		r.allowed[k.Name] = new(schedule.NewAllowance(cmp.Or(k.Budget, validator.DefaultBudget) / reportShare))
	}
	return r.allowed[k.Name].Take(at)
}

// An Inquiry is what a report began, or found begun.
type Inquiry struct {
	k   *keyRun
	who key.Consumer // "": nobody knows
	pid int
	*inquiry
}

// Unauthorized has the issuer asked and the source read, and tells what came of it.
func (e *Engine) Unauthorized(ctx context.Context, by admin.Speaker, r admin.Unauthorized, wait bool) (report.Answer, error) {
	q, err := e.Inquire(by, r)
	if err != nil {
		return report.Answer{}, err
	}
	if wait {
		q.Wait(ctx)
	}
	return q.Answer(), nil
}

// Inquire begins what Unauthorized does.
func (e *Engine) Inquire(by admin.Speaker, r admin.Unauthorized) (*Inquiry, error) {
	k, err := e.spokenFor(by, r.Key)
	if err != nil {
		return nil, err
	}
	who, err := e.speaksFor(k, by, r.Consumer)
	if err != nil {
		return nil, err
	}
	said := ""
	if r.Detail != "" {
		said = secret.Scrub(errors.New(r.Detail)).Error()
	}
	q := e.reported(k, who, said)
	q.pid = by.PID
	return q, nil
}

// reported takes the word of a consumer, whoever brings it. One in a minute causes work, as
// long as there are not too many in a day; it is no verdict, and counts as none.
func (e *Engine) reported(k *keyRun, who key.Consumer, said string) *Inquiry {
	at := now()
	e.reports.mu.Lock()
	q := e.reports.last[k.Name]
	fresh := e.reports.allow(k, at)
	if fresh {
		q = &inquiry{at: at, before: k.currentPrint(), done: make(chan struct{})}
		e.reports.last[k.Name] = q
	}
	e.reports.mu.Unlock()
	if fresh {
		e.log.Info("refusal reported", "key", k.Name, "fingerprint", q.before, "consumer", who, "detail", said)
		e.witness(k.Name, q.before, trail.Step{At: at, What: trail.Reported, Where: string(who), Detail: said})
		e.spawn(func(ctx context.Context) {
			defer close(q.done)
			k.inquire(ctx)
		})
	}
	return &Inquiry{k: k, who: who, inquiry: q}
}

// inquire returns when the issuer was asked, the source was read, and what that led to is
// done, all within reportWait.
func (k *keyRun) inquire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportWait)
	defer cancel()
	var reads []<-chan struct{}
	for _, l := range k.places {
		reads = append(reads, k.e.sources[l.loc.Source].nextRead(l.loc))
	}
	k.post(rotation.Reported{At: now()})
	k.idle(ctx)
	for _, heard := range reads {
		await(ctx, heard)
	}
	k.idle(ctx) // what was read is proved,
	for _, s := range k.sinks {
		s.idle(ctx) // written,
	}
	k.idle(ctx) // and the key has heard of it
}

// Wait returns when the work is done, or ctx ends.
func (q *Inquiry) Wait(ctx context.Context) { await(ctx, q.done) }

func (k *keyRun) currentPrint() key.Fingerprint {
	state := k.snapshot()
	if state.Current == nil {
		return ""
	}
	return state.Current.Fingerprint
}

// spokenFor is the key that somebody means, by its name or by a variable that has it, if he
// may speak for it. Otherwise nothing tells him whether there is such a key.
func (e *Engine) spokenFor(by admin.Speaker, name string) (*keyRun, error) {
	all, err := e.named(nil)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(k *keyRun) bool { return string(k.Name) == name }); i > 0 { // a name goes before a variable
		all[0], all[i] = all[i], all[0]
	}
	for _, k := range all {
		if string(k.Name) != name && !slices.ContainsFunc(k.variables, func(v variable) bool { return v.name == name }) {
			continue
		}
		if by.Trusted || slices.ContainsFunc(k.sinks, func(s *sinkRun) bool { return s.belongsTo(by) }) {
			return k, nil
		}
	}
	if by.Trusted {
		return nil, e.noSuch(key.Name(name), "no key or variable of the config has this name")
	}
	return nil, admin.ErrNoSuchKey
}

// belongsTo says whether somebody is the owner or of the group of what is in the sink's place.
func (s *sinkRun) belongsTo(by admin.Speaker) bool {
	info, err := os.Stat(s.Path)
	if err != nil {
		return false
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	return ok && (of.Uid == by.UID || of.Gid == by.GID || slices.Contains(by.Groups, of.Gid))
}

// speaksFor is the consumer for whom somebody speaks: who is trusted for anybody, everybody
// else for himself. Where nobody can see who he is, he may name one that the key declares.
func (e *Engine) speaksFor(k *keyRun, by admin.Speaker, named key.Consumer) (key.Consumer, error) {
	if by.Trusted && named != "" {
		if secret.Marked(string(named)) && !slices.Contains(k.Consumers, named) {
			return "", admin.BadRequest("consumer: that could be a key") // which the journal would keep
		}
		return named, nil
	}
	own := e.consumer(by.PID, by.UID)
	switch {
	case named == "" && carries(own):
		return "", nil
	case named == "" || named == own:
		return own, nil
	case own == "" && slices.Contains(k.Consumers, named):
		return named, nil
	case own == "":
		return "", admin.BadRequest("consumer: nobody can see who you are, and the key declares no such consumer")
	default:
		return "", admin.BadRequest("consumer: you are " + string(own) + ", and speak for nobody else")
	}
}

// carries says whether who speaks is a livekey that somebody runs in a shell: it brings the
// word of another, whom nobody can see.
func carries(c key.Consumer) bool {
	return c.Kind() == key.ConsumerProcess && strings.HasSuffix(c.Name(), "/livekey")
}

// consumer is who a process belongs to, as far as anybody can see; "" if nobody can.
func (e *Engine) consumer(pid int, uid uint32) key.Consumer {
	if pid == 0 {
		return ""
	}
	if e.attribute != nil {
		if c := e.attribute(pid, uid); c != "" {
			return c
		}
	}
	scan, _ := e.scan() // of the unit that may look at other users' processes
	for _, s := range scan.Sightings {
		if s.PID == pid && s.UID == int(uid) {
			return s.Consumer()
		}
	}
	return ""
}
