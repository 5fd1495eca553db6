package engine

import (
	"cmp"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// Answer is what is known now, for whoever reported.
func (q *Inquiry) Answer() report.Answer {
	k := q.k
	state := k.snapshot()
	c := state.Current
	if c == nil {
		return report.Answer{
			Key: k.Name, Verdict: report.Unknown, Message: "nothing is delivered: " + k.undelivered(nil),
			Action: "wait for it: livekey wait; the reason in full: livekey status",
		}
	}
	a := report.Answer{Key: k.Name, Fingerprint: c.Fingerprint.String(), Version: c.ID, CheckedAt: c.Latest.CheckedAt}
	for _, s := range k.sinks {
		if has, _ := s.hasVersion(k.Name, c.Fingerprint); has {
			a.Sinks = append(a.Sinks, s.place())
		}
	}
	switch v := c.Latest; {
	case v.Reason == key.Blocked:
		a.Verdict = report.Blocked
		a.Message = fmt.Sprintf("%s knows the key and does not let it be used: %s", k.Provider, v.Which)
		a.Action = "see to the account at " + k.Provider + "; livekey asks again by itself"
	case v.Outcome == key.Live:
		q.lives(&a, state)
	case v.Outcome == key.Dead, state.Dead && v.Outcome != key.Live:
		a.Verdict = report.Dead
		a.Message = k.Provider + " refuses what is delivered, and its source has no other that may be delivered"
		if !state.Dead {
			a.Message += "; it is asked again before the key is called dead"
		}
		a.Action = "make a new key at " + k.Provider + " and put it where the old one is stored; livekey delivers it by itself"
	default:
		a.Verdict = report.Unknown
		a.Message = fmt.Sprintf("nobody can say whether %s accepts it: %s", k.Provider, cmp.Or(v.Detail, string(v.Reason)))
		a.Action = "try again in a minute; what is delivered stays"
		if v.Reason == key.NoProvider {
			a.Message = "no issuer can be asked about this key"
			a.Action = "compare what the consumer has with what is stored"
		}
	}
	return a
}

// lives tells a consumer whose key lives why it may have seen a refusal all the same.
func (q *Inquiry) lives(a *report.Answer, state rotation.State) {
	c := state.Current
	a.Verdict, a.Message = report.Fine, q.k.Provider+" accepts what is delivered"
	a.Action = "see which version the consumer has: livekey who-has " + string(q.k.Name)
	older, fix := q.older(state)
	if c.Fingerprint != q.before || older != "" || len(state.Older) > 0 && now().Sub(c.Delivered) < q.k.Policy.Grace {
		a.Verdict = report.New
		a.Message = fmt.Sprintf("a newer version was delivered at %s, and %s accepts it", c.Delivered.Format(time.RFC3339), q.k.Provider)
		a.Action = "let the consumer read it again: restart it, or reload it if it reads the file itself"
	}
	if older != "" {
		a.Message, a.Action = a.Message+"; "+older, fix
	}
}

// older says which version of before the consumer has, and what ends that; "" if nobody
// knows of one.
func (q *Inquiry) older(state rotation.State) (what, fix string) {
	for _, h := range q.k.e.holdersOf(q.k.Name) {
		if h.Stage == report.HeldCurrent || (h.PID == 0 || h.PID != q.pid) && (q.who == "" || h.Consumer != q.who) {
			continue
		}
		return fmt.Sprintf("%s was started with the %s version, %s", h.Consumer, h.Stage, h.Version), h.Fix
	}
	all, err := q.k.e.store.adoptions(q.k.Name)
	a, known := all[q.who]
	if err != nil || !known || state.Stage(a.Fingerprint) == key.StageCurrent {
		return "", ""
	}
	return fmt.Sprintf("%s has version %s, which was replaced (%s)", q.who, a.Fingerprint, a.How), "restart " + q.who.Name()
}

func (s *sinkRun) place() report.Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return report.Place{Path: s.Path, WrittenAt: s.writtenAt}
}
