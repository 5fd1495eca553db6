package rotation

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// verdicts are one of each kind that a check may give.
func verdicts(f key.Fingerprint, at time.Time) map[string]key.Verdict {
	ours := key.Identity{"organization": "ours"}
	all := map[string]key.Verdict{
		"live":            {Outcome: key.Live, Reason: key.Valid, Identity: ours},
		"limited scope":   {Outcome: key.Live, Reason: key.LimitedScope, Identity: ours},
		"rate limited":    {Outcome: key.Live, Reason: key.RateLimited, Identity: ours, RetryAfter: time.Minute},
		"blocked":         {Outcome: key.Live, Reason: key.Blocked, Which: "no_credit", Identity: ours},
		"foreign":         {Outcome: key.Live, Reason: key.Valid, Identity: key.Identity{"organization": "theirs"}},
		"nobody's":        {Outcome: key.Live, Reason: key.Valid},
		"invalid":         {Outcome: key.Dead, Reason: key.Invalid, Control: key.ControlGood},
		"revoked":         {Outcome: key.Dead, Reason: key.Revoked, Control: key.ControlSilent},
		"malformed":       {Outcome: key.Dead, Reason: key.Malformed, Which: "checksum"},
		"transient":       {Reason: key.Transient},
		"intercepted":     {Reason: key.Intercepted},
		"unauthenticated": {Reason: key.Unauthenticated},
		"wrong method":    {Reason: key.WrongAuthMethod},
		"not asked":       {Reason: key.NotYetAsked},
		"no provider":     {Reason: key.NoProvider},
	}
	for name, v := range all {
		v.Fingerprint, v.CheckedAt = f, at
		all[name] = v
	}
	return all
}

const (
	fpCandidate, fpDelivering, fpCurrent, fpOld, fpNew = key.Fingerprint("cand"), key.Fingerprint("deli"), key.Fingerprint("curr"), key.Fingerprint("old"), key.Fingerprint("new")
)

// states are all ways in which stages can be filled, by every hold, rank and doubt.
func states(now time.Time) map[string]State {
	ago := now.Add(-30 * time.Second)
	version := func(f key.Fingerprint, v key.Verdict) *Version {
		x := &Version{ID: key.Version(f), Fingerprint: f, Seen: ago, SeenLast: ago, Reads: 1, Latest: v, Due: now.Add(time.Minute)}
		if v.Outcome != key.Unknown || v.Reason == key.NoProvider {
			x.Last = v
		}
		return x
	}
	candidates := map[string]*Version{"none": nil}
	for _, hold := range []Hold{HoldNone, HoldUnknown, HoldRejected, HoldMalformed, HoldWorse, HoldMisplaced, HoldRegressed, HoldComparing, HoldPaused, HoldFailed} {
		word := map[Hold]string{HoldUnknown: "transient", HoldRejected: "invalid", HoldMalformed: "malformed", HoldMisplaced: "foreign", HoldWorse: "blocked", HoldNone: "not asked", HoldRegressed: "not asked", HoldComparing: "rate limited", HoldPaused: "live", HoldFailed: "live"}[hold]
		c := version(fpCandidate, verdicts(fpCandidate, ago)[word])
		c.Hold = hold
		if hold == HoldFailed {
			c.Failed = "unit app.service"
		}
		candidates["candidate "+string(hold)] = c
	}
	currents := map[string]*Version{"none": nil}
	for _, word := range []string{"live", "rate limited", "blocked", "no provider"} {
		c := version(fpCurrent, verdicts(fpCurrent, ago)[word])
		c.Delivered = ago
		currents["current "+word] = c
	}
	suspect := version(fpCurrent, verdicts(fpCurrent, ago)["invalid"])
	suspect.Delivered, suspect.Rejections, suspect.RejectedFirst = ago, 2, now.Add(-2*time.Minute)
	currents["current suspect"] = suspect
	failed := version(fpCurrent, verdicts(fpCurrent, ago)["live"])
	failed.Delivered, failed.Failed = ago, "unit app.service"
	currents["current failed"] = failed
	doubted := version(fpCurrent, verdicts(fpCurrent, ago)["live"])
	doubted.Latest, doubted.Doubts, doubted.DoubtedFirst = verdicts(fpCurrent, ago)["unauthenticated"], 2, now.Add(-2*time.Minute)
	currents["current doubted"] = doubted
	unproved := version(fpCurrent, verdicts(fpCurrent, ago)["transient"])
	unproved.Unproved = key.Transient
	currents["current unproved"] = unproved

	all := map[string]State{}
	for cn, c := range candidates {
		for un, u := range currents {
			for _, delivering := range []bool{false, true} {
				for _, older := range []string{"no older", "older previous", "older rejected", "older retired"} {
					for _, lacking := range []Lacking{LackingNothing, LackingSome, LackingAll} {
						s := State{Candidate: c, Current: u, Lacking: lacking, StartOver: true, Highest: 5}
						if delivering {
							s.Delivering = version(fpDelivering, verdicts(fpDelivering, ago)["live"])
							s.Delivering.Hold = HoldDelivering
						}
						if u != nil {
							s.Identity = key.Identity{"organization": "ours"}
						}
						if older != "no older" {
							o := version(fpOld, verdicts(fpOld, ago)["live"])
							o.Delivered = ago
							if older != "older previous" {
								o.Rejections, o.RejectedFirst = 1, now.Add(-2*time.Hour)
							}
							if o.Retired = older == "older retired"; o.Retired {
								o.Due = time.Time{}
							}
							s.Older = []Version{*o}
						}
						all[fmt.Sprintf("%s, %s, delivering %v, %s, lacking %q", cn, un, delivering, older, lacking)] = s
					}
				}
			}
		}
	}
	return all
}

// events are one of each kind, for each version that they may speak of.
func events(now time.Time) map[string]Event {
	all := map[string]Event{
		"started": Started{At: now}, "vanished": Vanished{At: now}, "approved": Approved{At: now},
		"paused": Paused{At: now, Until: now.Add(time.Hour)}, "resumed": Resumed{At: now}, "refreshed": Refreshed{At: now},
		"reported": Reported{At: now}, "nobody sighted": Sighted{At: now}, "startup over": StartupOver{At: now}, "ticked": Ticked{At: now.Add(2 * time.Minute)},
		"lacked some": Lacked{At: now, How: LackingSome}, "lacked all": Lacked{At: now, How: LackingAll},
	}
	for _, f := range []key.Fingerprint{fpCandidate, fpDelivering, fpCurrent, fpOld, fpNew} {
		for name, v := range verdicts(f, now) {
			for _, issuer := range []Issuer{IssuerFine, IssuerSuspect, IssuerGone} {
				if issuer != IssuerFine && f != fpCurrent { // siblings speak of current versions
					continue
				}
				all[fmt.Sprintf("%s checked %s, issuer %q", f, name, issuer)] = Checked{At: now, Verdict: v, Issuer: issuer}
			}
		}
		all[string(f)+" fetched"] = Fetched{At: now, Version: "9", Number: 9, Fingerprint: f}
		all[string(f)+" fetched with a lower number"] = Fetched{At: now, Version: "3", Number: 3, Fingerprint: f}
		fault := verdicts(f, now)["malformed"]
		all[string(f)+" fetched with a fault"] = Fetched{At: now, Version: "9", Fingerprint: f, Fault: &fault}
		all[string(f)+" delivered"] = Delivered{At: now, Fingerprint: f}
		all[string(f)+" delivered to some"] = Delivered{At: now, Fingerprint: f, Lacking: LackingSome}
		all[string(f)+" failed"] = Failed{At: now, Fingerprint: f, Consumer: "unit app.service"}
		all[string(f)+" failed, to be reverted"] = Failed{At: now, Fingerprint: f, Consumer: "unit app.service", Revert: true}
		all[string(f)+" sighted"] = Sighted{At: now, Holders: map[key.Fingerprint][]key.Consumer{f: {"unit:app.service"}}}
		all[string(f)+" sighted by one who cannot see all"] = Sighted{At: now, Holders: map[key.Fingerprint][]key.Consumer{f: {"unit:app.service"}}, Blind: true}
		all[string(f)+" lost"] = Checked{At: now, Verdict: key.Verdict{Fingerprint: f, CheckedAt: now, Reason: key.NotYetAsked}, Lost: true}
		all[string(f)+" outdated"] = Outdated{At: now, Fingerprint: f}
	}
	return all
}

// Every event meets every way in which the stages can be filled.
func TestEveryEventInEveryState(t *testing.T) {
	p := policy()
	p.PublishIfEmpty = true
	n := 0
	every := events(t0)
	for sn, s := range states(t0) {
		before := s.clone()
		for en, e := range every {
			n++
			after, acts := Next(p, s, e)
			if !reflect.DeepEqual(before, s) {
				t.Fatalf("%s / %s: Next changed what it was given", sn, en)
			}
			for _, wrong := range rules(p, s, e, after, acts) {
				t.Errorf("%s / %s: %s", sn, en, wrong)
			}
			if t.Failed() && n > 100 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d triples", n)
}

// rules returns what a single step must never do.
func rules(p Policy, before State, e Event, after State, acts []Action) (wrong []string) {
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if before.Current != nil && after.Current == nil {
		fail("P3: the current version is dropped")
	}
	checks := map[key.Fingerprint]bool{}
	delivers := 0
	for _, a := range acts {
		switch a := a.(type) {
		case Check:
			checks[a.Fingerprint] = true
		case Deliver:
			delivers++
			v := after.Find(a.Fingerprint)
			switch {
			case v == nil:
				fail("delivers a version it does not know")
			case a.Exception == Proven && (v.Last.Outcome != key.Live || e.at().Sub(v.Last.CheckedAt) >= fresh):
				fail("P1: delivers what was not proved in this minute")
			case a.Exception == KnownLive && (after.Lacking != LackingAll || v.Last.Outcome != key.Live || !v.Latest.Unasked()):
				fail("P1: known_live without its conditions")
			case a.Exception == PublishIfEmpty && (before.Current != nil || !v.Latest.Unasked()):
				fail("P1: publish_if_empty without its conditions")
			case a.Exception == NoProvider && v.Last.Reason != key.NoProvider:
				fail("P1: no_provider for a key that has one")
			case v.Failed != "" && !a.EmptyOnly && !v.Approved && !a.FillsOnly():
				fail("delivers again what consumers failed on")
			}
			if v != nil && before.Current != nil && a.Fingerprint != before.Current.Fingerprint && !v.Approved && a.Exception == Proven {
				now := after.Find(before.Current.Fingerprint) // the event may have been about it
				if was, ok := now.Last.Rank(); ok && before.Current.Rejections == 0 {
					if is, _ := v.Last.Rank(); is < was {
						fail("P2: rank %d over rank %d", is, was)
					}
				}
				if v.Last.Identity["organization"] != "ours" {
					fail("P2: another owner")
				}
			}
			if after.Paused.After(e.at()) {
				fail("delivers while paused")
			}
		}
	}
	if f, ok := e.(Fetched); ok && f.Fault != nil && before.Find(f.Fingerprint) == nil && checks[f.Fingerprint] {
		fail("P10: what is malformed is sent to the issuer")
	}
	switch e.(type) {
	case Reported, Failed, Sighted:
		if delivers > 0 {
			fail("delivers by the word of a consumer")
		}
		if after.Dead != before.Dead || before.Current != nil && !reflect.DeepEqual(after.Current.Last, before.Current.Last) {
			fail("takes a consumer's word for the issuer's")
		}
		if before.Current != nil && after.Current.Rejections != before.Current.Rejections {
			fail("counts a consumer's word as a rejection")
		}
	}
	seen := map[key.Fingerprint]bool{}
	for _, v := range after.Older {
		if seen[v.Fingerprint] {
			fail("old version %s is there twice", v.ID)
		}
		seen[v.Fingerprint] = true
		if v.Early != nil && v.Rejections == 0 {
			fail("revoked early, and not refused")
		}
	}
	if delivers > 1 {
		fail("delivers %d versions at once", delivers)
	}
	if c, ok := e.(Checked); ok && c.Verdict.Outcome == key.Unknown && after.Dead && !before.Dead {
		fail("P3: unknown made it dead")
	}
	if after.Dead && !before.Dead && after.Current.Rejections < p.ConfirmTimes {
		fail("dead after %d rejections", after.Current.Rejections)
	}
	if c := after.Current; c != nil && c.Due.IsZero() && !checks[c.Fingerprint] && before.Find(c.Fingerprint) != nil && !asked(e) {
		if was := before.Find(c.Fingerprint); !was.Due.IsZero() {
			fail("P4: the current version is never asked about again")
		}
	}
	for i := range after.Older {
		v := &after.Older[i]
		if !v.Retired && v.Due.IsZero() && !checks[v.Fingerprint] && v.Last.Reason != key.NoProvider && v.Latest.Reason != key.NoProvider {
			fail("P5: old version %s is never asked about again", v.ID)
		}
	}
	return wrong
}

// asked says whether the event is one after which a check is still on its way.
func asked(e Event) bool { _, ok := e.(Outdated); return ok }

// What replaces what, in one table: rows are candidates, columns what is delivered.
func TestRankDecidesWhatReplacesWhat(t *testing.T) {
	all := states(t0)
	columns := []string{"current live", "current rate limited", "current blocked", "current suspect", "none"}
	for candidate, want := range map[string][]string{
		//                  live       limited    blocked    suspect    nothing
		"live":            {"deliver", "deliver", "deliver", "deliver", "deliver"},
		"limited scope":   {"deliver", "deliver", "deliver", "deliver", "deliver"},
		"rate limited":    {"worse", "deliver", "deliver", "deliver", "deliver"},
		"blocked":         {"worse", "worse", "deliver", "deliver", "deliver"},
		"foreign":         {"misplaced", "misplaced", "misplaced", "misplaced", "deliver"},
		"nobody's":        {"misplaced", "misplaced", "misplaced", "misplaced", "deliver"},
		"invalid":         {"rejected", "rejected", "rejected", "rejected", "rejected"},
		"malformed":       {"malformed", "malformed", "malformed", "malformed", "malformed"},
		"transient":       {"unknown", "unknown", "unknown", "unknown", "unknown"},
		"intercepted":     {"unknown", "unknown", "unknown", "unknown", "unknown"},
		"unauthenticated": {"unknown", "unknown", "unknown", "unknown", "unknown"},
		"wrong method":    {"unknown", "unknown", "unknown", "unknown", "unknown"},
	} {
		for i, column := range columns {
			t.Run(candidate+" over "+column, func(t *testing.T) {
				s := all[fmt.Sprintf("candidate , %s, delivering false, no older, lacking %q", column, "")]
				after, acts := Next(policy(), s, Checked{At: t0, Verdict: verdicts(fpCandidate, t0)[candidate]})
				got := ""
				for _, a := range acts {
					if d, ok := a.(Deliver); ok && d.Fingerprint == fpCandidate {
						got = "deliver"
					}
				}
				if got == "" && after.Candidate != nil {
					got = string(after.Candidate.Hold)
				}
				if got != want[i] {
					t.Fatalf("%q, want %q", got, want[i])
				}
			})
		}
	}
}

func TestACurrentVersionThatWasNotAskedInThisMinuteIsAskedFirst(t *testing.T) {
	s := states(t0)[fmt.Sprintf("candidate , current live, delivering false, no older, lacking %q", "")]
	s.Current.Last.CheckedAt = t0.Add(-5 * time.Minute)
	s.Current.Latest = s.Current.Last
	after, acts := Next(policy(), s, Checked{At: t0, Verdict: verdicts(fpCandidate, t0)["blocked"]})
	if after.Candidate.Hold != HoldComparing || len(acts) == 0 {
		t.Fatalf("hold %q, actions %v", after.Candidate.Hold, acts)
	}
	after, acts = Next(policy(), after, Checked{At: t0, Verdict: verdicts(fpCurrent, t0)["transient"]})
	if after.Candidate.Hold != HoldWorse || !opens(acts, key.CandidateWorse) {
		t.Fatalf("the last known verdict does not count: hold %q", after.Candidate.Hold)
	}
}
