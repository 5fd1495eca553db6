package metrics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

var (
	ready = gauge("livekey_ready", "1 if every required key is delivered.")
	state = gauge("livekey_key_state", "1 for the state that the delivered version of a key is in, 0 for the others.", "key", "state")
	held  = gauge("livekey_key_candidate_held", "1 while a newer version is not delivered; the label says why.", "key", "reason")

	verified  = gauge("livekey_key_last_verified_timestamp_seconds", "When the issuer last judged the delivered version.", "key")
	delivered = gauge("livekey_key_delivered_timestamp_seconds", "When the delivered version reached its first sink.", "key")
	expiry    = gauge("livekey_key_expiry_timestamp_seconds", "When the delivered version expires, as its issuer says.", "key")
	allowed   = gauge("livekey_key_rate_limit", "Calls that the issuer allows the key in a period, as of its last answer.", "key")
	remaining = gauge("livekey_key_rate_limit_remaining", "Calls of the period that were left at the last answer.", "key")
	resets    = gauge("livekey_key_rate_limit_reset_timestamp_seconds", "When the period ends.", "key")
	about     = gauge("livekey_key_info", "Always 1; the label says who proves the key.", "key", "provider")
	nextProbe = gauge("livekey_key_next_probe_timestamp_seconds", "When the issuer is asked next.", "key")
	previous  = gauge("livekey_previous_key_valid", "How many versions that were replaced are still valid.", "key")

	written = gauge("livekey_sink_written_timestamp_seconds", "When the sink last changed.", "sink")
	failing = gauge("livekey_sink_failing", "1 while the sink cannot be written.", "sink")
	owed    = gauge("livekey_reload_owed", "1 while consumers of the sink have to be told of what changed.", "sink")

	consumers = gauge("livekey_consumers", "Who was seen with a version of the key, at the last look: the current one, or an older.", "key", "stage")
	looked    = gauge("livekey_holders_looked_timestamp_seconds", "When livekey last looked who holds what.")

	leader = gauge("livekey_leader", "1 if this livekey holds the lease and works, 0 while it waits to take over.")

	open = gauge("livekey_alerts_open", "Open alerts.", "cause", "severity")
)

// The states of a key; exactly one of them is 1.
const (
	stateLive        = "live"
	stateUnproved    = "unproved" // delivered by an exception, or nobody can prove it
	stateSuspect     = "suspect"  // refused, not yet confirmed
	stateBlocked     = "blocked"
	stateDead        = "dead"
	stateUnasked     = "unasked" // delivered by a run before this one, not asked about yet
	stateUndelivered = "undelivered"
)

var states = []string{stateLive, stateUnproved, stateSuspect, stateBlocked, stateDead, stateUnasked, stateUndelivered}

// snapshot writes gauges of a status. What a status does not know has no sample.
func snapshot(p *page, status report.Status) {
	if status.Lease == nil || status.Lease.Working { // on standby it is for another to say
		p.of(ready)
		p.sample(bit(status.Ready))
	}
	for _, one := range ofKeys {
		p.of(one.family)
		for i := range status.Keys {
			one.write(p, &status.Keys[i])
		}
	}
	sinks := sinksOf(status.Keys)
	for _, one := range ofSinks {
		p.of(one.family)
		for _, s := range sinks {
			one.write(p, s)
		}
	}
	p.of(looked)
	for _, k := range status.Keys {
		if k.Holders != nil { // one look is for all keys
			p.at(k.Holders.LookedAt)
			break
		}
	}
	if status.Lease != nil {
		p.of(leader)
		p.sample(bit(status.Lease.Working))
	}
	writeAlerts(p, status)
}

// ofKeys are the gauges of which each key has its samples.
var ofKeys = []struct {
	family
	write func(p *page, k *report.Key)
}{
	{about, func(p *page, k *report.Key) { p.sample(1, string(k.Name), k.Provider) }},
	{state, func(p *page, k *report.Key) {
		is := stateOf(*k)
		for _, one := range states {
			p.sample(bit(one == is), string(k.Name), one)
		}
	}},
	{held, func(p *page, k *report.Key) {
		if k.Candidate != nil && k.Candidate.HeldBy != "" {
			p.sample(1, string(k.Name), k.Candidate.HeldBy)
		}
	}},
	{verified, ofCurrent(func(p *page, k *report.Key) { p.at(k.Current.CheckedAt, string(k.Name)) })},
	{delivered, ofCurrent(func(p *page, k *report.Key) { p.at(k.Current.DeliveredAt, string(k.Name)) })},
	{expiry, ofCurrent(func(p *page, k *report.Key) { p.at(k.Current.ExpiresAt, string(k.Name)) })},
	{allowed, ofLimits(func(p *page, name string, l *key.Limits) { p.sample(float64(l.Limit), name) })},
	{remaining, ofLimits(func(p *page, name string, l *key.Limits) { p.sample(float64(l.Remaining), name) })},
	{resets, ofLimits(func(p *page, name string, l *key.Limits) { p.at(l.ResetAt, name) })},
	{nextProbe, ofCurrent(func(p *page, k *report.Key) { p.at(k.NextProbeAt, string(k.Name)) })},
	{previous, func(p *page, k *report.Key) {
		valid := 0
		for _, o := range k.Older {
			if o.Outcome == key.Live && !o.Unwatched {
				valid++
			}
		}
		p.sample(float64(valid), string(k.Name))
	}},
	{consumers, func(p *page, k *report.Key) {
		if k.Holders != nil {
			p.sample(float64(k.Holders.Current), string(k.Name), "current")
			p.sample(float64(k.Holders.Older), string(k.Name), "older")
		}
	}},
}

// ofCurrent writes nothing of a key that was never delivered.
func ofCurrent(write func(*page, *report.Key)) func(*page, *report.Key) {
	return func(p *page, k *report.Key) {
		if k.Current != nil {
			write(p, k)
		}
	}
}

// ofLimits writes nothing where the issuer tells no limits of a key.
func ofLimits(write func(p *page, name string, l *key.Limits)) func(*page, *report.Key) {
	return ofCurrent(func(p *page, k *report.Key) {
		if l := k.Current.Limits; l != nil {
			write(p, string(k.Name), l)
		}
	})
}

// ofSinks are those of sinks.
var ofSinks = []struct {
	family
	write func(p *page, s report.Sink)
}{
	{written, func(p *page, s report.Sink) { p.at(s.WrittenAt, s.Name) }},
	{failing, func(p *page, s report.Sink) { p.sample(bit(s.Unwritten), s.Name) }},
	{owed, func(p *page, s report.Sink) { p.sample(bit(s.ReloadOwed), s.Name) }},
}

// sinksOf has each sink once: every key of a status shows those that it has.
func sinksOf(keys []report.Key) (sinks []report.Sink) {
	seen := map[string]bool{}
	for _, k := range keys {
		for _, s := range k.Sinks {
			if !seen[s.Name] {
				seen[s.Name] = true
				sinks = append(sinks, s)
			}
		}
	}
	return sinks
}

func stateOf(k report.Key) string {
	switch c := k.Current; {
	case c == nil:
		return stateUndelivered
	case c.Unproved != "":
		return stateUnproved
	case c.Suspect:
		return stateSuspect
	case c.Outcome == key.Dead:
		return stateDead
	case c.Reason == key.Blocked:
		return stateBlocked
	case c.Outcome == key.Live:
		return stateLive
	default:
		return stateUnasked
	}
}

type openAlert struct {
	cause    key.Cause
	severity key.Severity
}

func writeAlerts(p *page, status report.Status) {
	n := map[openAlert]int{}
	for _, a := range status.Alerts {
		n[openAlert{a.Cause, a.Severity}]++
	}
	kinds := slices.SortedFunc(maps.Keys(n), func(a, b openAlert) int {
		return cmp.Or(cmp.Compare(a.cause, b.cause), cmp.Compare(a.severity, b.severity))
	})
	p.of(open)
	for _, a := range kinds {
		p.sample(float64(n[a]), string(a.cause), string(a.severity))
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
