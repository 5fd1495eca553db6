package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// Exit codes of an answer, as everywhere in livekey.
const (
	exitNo      = 5
	exitUnknown = 4
)

// freshProof is how old the issuer's word about the new version may be when somebody
// asks whether the old one may be revoked.
const freshProof = time.Minute

// safeWithin is how long asking may take; what is not answered by then is unknown.
const safeWithin = 30 * time.Second

// answer is yes, no, or that nobody can tell.
type answer uint8

const (
	yes answer = iota
	nope
	untold
)

// SafeToRevoke says whether the previous version of a key may be revoked, in the scope
// that the config declares. It asks the issuer, looks for holders and asks the peers now.
func (e *Engine) SafeToRevoke(ctx context.Context, name key.Name) (report.Safety, error) {
	keys, err := e.named([]key.Name{name})
	if err != nil {
		return report.Safety{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, safeWithin)
	defer cancel()
	k := keys[0]
	state := k.snapshot()
	return k.safe(ctx, revocable(&state), freshProof), nil
}

// revocable is the newest old version that its issuer may still accept; nil: there is none.
func revocable(s *rotation.State) *rotation.Version {
	for i := range s.Older {
		if v := &s.Older[i]; !v.Retired && !v.Delivered.IsZero() {
			return v
		}
	}
	return nil
}

// audit is one answer in the making.
type audit struct {
	k      *keyRun
	state  rotation.State
	told   report.Safety
	judged []answer
}

// safe says whether the version old may be revoked. The issuer's word about the current
// one may be as old as maxAge.
func (k *keyRun) safe(ctx context.Context, old *rotation.Version, maxAge time.Duration) report.Safety {
	q := &audit{k: k, state: k.snapshot(), told: report.Safety{
		Name: k.Name, AskedAt: now(),
		Scope: []report.InScope{}, Checks: []report.Fact{}, Holders: []report.Holder{}, Unseen: []string{},
	}}
	if c := q.state.Current; c != nil {
		q.told.Current = new(shown(trailVersion(c)))
	}
	switch {
	case q.state.Current == nil:
		q.check("previous", untold, "nothing is delivered yet")
	case old == nil:
		q.check("previous", untold, nothingToRevoke(&q.state))
	default:
		q.told.Previous = new(shown(trailVersion(old)))
		q.ask(ctx, old, maxAge)
	}
	for _, c := range k.Consumers[len(q.told.Scope):] { // nobody got as far as asking about them
		q.told.Scope = append(q.told.Scope, report.InScope{Consumer: c, Unknown: true, Detail: "not asked about"})
	}
	switch {
	case slices.Contains(q.judged, nope):
		q.told.Exit = exitNo
	case slices.Contains(q.judged, untold):
		q.told.Exit = exitUnknown
	default:
		q.told.Safe = true
	}
	return q.told
}

func nothingToRevoke(s *rotation.State) string {
	if len(s.Older) == 0 {
		return "there is no previous version to revoke"
	}
	v := &s.Older[0]
	return fmt.Sprintf("there is no previous version to revoke: the last one, %s, is refused by its issuer for good", trailVersion(v).String())
}

func (q *audit) check(what string, a answer, detail string) {
	q.judged = append(q.judged, a)
	q.told.Checks = append(q.told.Checks, report.Fact{What: what, OK: a == yes, Unknown: a == untold, Detail: detail})
}

// ask goes through all that must hold. What takes time goes side by side.
func (q *audit) ask(ctx context.Context, old *rotation.Version, maxAge time.Duration) {
	var wg sync.WaitGroup
	var verdict key.Verdict
	var scan holders.Scan
	var errLook error
	wg.Go(func() { verdict = q.k.askedWithin(ctx, q.state.Current, maxAge) })
	wg.Go(func() { scan, errLook = q.k.e.look(ctx, "may an old version be revoked?") })
	peers := q.k.askPeers(ctx, &wg)
	wg.Wait()

	q.previous(old)
	q.live(verdict)
	q.sinks()
	seen := q.sight(old, scan, errLook)
	q.scope(scan, seen, peers)
	if c := q.k.snapshot().Current; c == nil || c.Fingerprint != q.state.Current.Fingerprint {
		q.check("current", untold, "another version was delivered while this was asked: ask again")
	}
}

func (q *audit) previous(old *rotation.Version) {
	if who := q.k.neededElsewhere(old); who != "" {
		q.check("previous", nope, trailVersion(old).String()+" "+who)
		return
	}
	text := trailVersion(old).String() + ", replaced by " + trailVersion(q.state.Current).String()
	if old.Rejections > 0 {
		q.told.RefusedSince = old.RejectedFirst
		text += "; its issuer refuses it since " + old.RejectedFirst.Format(time.RFC3339)
	}
	q.check("previous", yes, text)
}

// neededElsewhere says who else needs an old version, empty if nobody: its own key, to which
// it may be on the way back, or another one that has the same bytes.
func (k *keyRun) neededElsewhere(old *rotation.Version) string {
	for name, other := range k.e.keys {
		state := other.snapshot()
		for _, v := range []*rotation.Version{state.Current, state.Delivering, state.Candidate} {
			switch {
			case v == nil || v.Fingerprint != old.Fingerprint:
			case name == k.Name:
				return "is what its source has again"
			default:
				return "is what key " + string(name) + " has too"
			}
		}
	}
	return ""
}

// live holds that the issuer accepts the new version.
func (q *audit) live(v key.Verdict) {
	detail := answerOf(v)
	switch {
	case v.Outcome == key.Live && v.Reason != key.Blocked:
		q.check("live", yes, detail)
	case v.Outcome == key.Unknown:
		q.check("live", untold, detail)
	default:
		q.check("live", nope, detail)
	}
}

// answerOf is a verdict for a person.
func answerOf(v key.Verdict) string {
	text := verdictText(v)
	if !v.CheckedAt.IsZero() {
		text += ", asked " + v.CheckedAt.Format(time.RFC3339)
	}
	if v.Outcome != key.Live && v.Detail != "" {
		text += ": " + v.Detail
	}
	return text
}

// sinks holds that each has the new version, and that its consumers were told.
func (q *audit) sinks() {
	var behind, owed, all []string
	for _, s := range q.k.sinks {
		r := s.report(q.k.Name)
		all = append(all, s.Name)
		if has, _ := s.hasVersion(q.k.Name, q.state.Current.Fingerprint); !has || r.Error != "" {
			behind = append(behind, s.Name)
		}
		if r.ReloadOwed {
			owed = append(owed, s.Name)
		}
	}
	if len(behind) > 0 {
		q.check("sinks", nope, "without the new version: "+strings.Join(behind, ", "))
	} else {
		q.check("sinks", yes, cmp.Or(strings.Join(all, ", "), "it is in no sink"))
	}
	if len(owed) > 0 {
		q.check("reloads", nope, "consumers are still to be told of: "+strings.Join(owed, ", "))
	} else {
		q.check("reloads", yes, "none is owed")
	}
}

// sight holds that nobody in sight has the old version, and that nobody is out of it.
func (q *audit) sight(old *rotation.Version, scan holders.Scan, err error) (seen []report.Holder) {
	if err != nil {
		q.check("sight", untold, err.Error())
		return nil
	}
	seen = q.k.e.assign(scan)[q.k.Name]
	q.told.Unseen = append(q.told.Unseen, scan.Unseen...)
	switch n := len(scan.Unreadable()); {
	case n > 0:
		q.check("sight", untold, places(n)+" in sight could not be looked at")
	case scan.BlindToManagers() && slices.ContainsFunc(q.k.Consumers, isUserUnit): // its next start may bring the old one back
		q.check("sight", untold, "units of users are declared, and what their managers pass on could not be looked at")
	default:
		q.check("sight", yes, fmt.Sprintf("looked at %d processes", scan.Processes))
	}
	for _, h := range seen {
		if h.Version == old.Fingerprint {
			q.told.Holders = append(q.told.Holders, h)
		}
	}
	if len(q.told.Holders) > 0 {
		q.check("holders", nope, "still held by "+rotation.Listed(names(q.told.Holders)))
	} else {
		q.check("holders", yes, "nobody in sight holds the old version")
	}
	return seen
}

func isUserUnit(c key.Consumer) bool { return c.Kind() == key.ConsumerUserUnit }

func places(n int) string {
	if n == 1 {
		return "1 place"
	}
	return fmt.Sprintf("%d places", n)
}

// scope holds that every declared consumer has the new version.
func (q *audit) scope(scan holders.Scan, seen []report.Holder, peers map[string]peerAnswer) {
	if len(q.k.Consumers) == 0 {
		q.check("scope", untold, fmt.Sprintf("no consumers are declared: say who uses it, in keys.%s.consumers", q.k.Name))
		return
	}
	adopted := q.k.e.adoptions(q.k.Name)
	var left, lost []string
	for _, c := range q.k.Consumers {
		var s report.InScope
		var a answer
		if c.Kind() == key.ConsumerHost {
			s, a = q.peer(c, peers[c.Name()])
		} else {
			s, a = q.consumer(c, scan, seen, adopted)
		}
		s.Consumer, s.OK, s.Unknown = c, a == yes, a == untold
		q.told.Scope = append(q.told.Scope, s)
		switch a {
		case nope:
			left = append(left, string(c))
		case untold:
			lost = append(lost, string(c))
		case yes:
		}
	}
	switch {
	case len(left) > 0:
		q.check("scope", nope, "without the new version: "+strings.Join(left, ", "))
	case len(lost) > 0:
		q.check("scope", untold, "nobody knows of: "+strings.Join(lost, ", "))
	default:
		q.check("scope", yes, "every declared consumer has adopted the new version")
	}
}

// consumer says which version one on this machine has: what it was seen with now counts
// for more than what was seen or said before.
func (q *audit) consumer(c key.Consumer, scan holders.Scan, seen []report.Holder, adopted []report.Adoption) (report.InScope, answer) {
	current := false
	for _, h := range seen {
		switch {
		case h.Consumer != c:
		case h.Stage != report.HeldCurrent:
			return report.InScope{
				How: byScan, Fingerprint: h.Fingerprint, At: scan.At, Detail: "holds the " + string(h.Stage) + " version: " + h.Fix,
			}, nope
		default:
			current = true
		}
	}
	if current {
		return report.InScope{How: byScan, Fingerprint: q.told.Current.Fingerprint, At: scan.At}, yes
	}
	for _, a := range adopted {
		if a.Consumer != c {
			continue
		}
		s := report.InScope{How: a.How, Fingerprint: a.Fingerprint, At: a.Since}
		if a.Fingerprint == q.told.Current.Fingerprint {
			if a.How == byScan {
				s.Detail = "not in sight now"
			}
			return s, yes
		}
		s.Detail = "was last known with another version"
		return s, nope
	}
	return report.InScope{Detail: "nobody has seen it with the new version, and it has not reported it"}, untold
}

// askedWithin is the issuer's word about v, asked now unless it is younger than maxAge.
// Rotation hears what was asked.
func (k *keyRun) askedWithin(ctx context.Context, v *rotation.Version, maxAge time.Duration) key.Verdict {
	if v.Latest.Outcome == key.Live && now().Sub(v.Latest.CheckedAt) <= maxAge {
		return v.Latest
	}
	ask := rotation.Check{Fingerprint: v.Fingerprint, Purpose: rotation.Confirm, Reason: "may an old version be revoked?"}
	if checked, ok := k.check(ctx, ask); ok {
		k.post(checked)
		return checked.Verdict
	}
	return key.Verdict{Reason: key.Transient, Detail: "the question was broken off"}
}
