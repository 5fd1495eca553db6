package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// snapshot makes gauges of a status. What a status does not know has no sample.
type snapshot func() report.Status

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	ready = gauge("livekey_ready", "1 if every required key is delivered.")
	state = gauge("livekey_key_state", "1 for the state that the delivered version of a key is in, 0 for the others.", "key", "state")
	held  = gauge("livekey_key_candidate_held", "1 while a newer version is not delivered; the label says why.", "key", "reason")

	verified  = gauge("livekey_key_last_verified_timestamp_seconds", "When the issuer last judged the delivered version.", "key")
	delivered = gauge("livekey_key_delivered_timestamp_seconds", "When the delivered version reached its first sink.", "key")
	expiry    = gauge("livekey_key_expiry_timestamp_seconds", "When the delivered version expires, as its issuer says.", "key")
	nextProbe = gauge("livekey_key_next_probe_timestamp_seconds", "When the issuer is asked next.", "key")
	previous  = gauge("livekey_previous_key_valid", "How many versions that were replaced are still valid.", "key")

	written = gauge("livekey_sink_written_timestamp_seconds", "When the sink last changed.", "sink")
	failing = gauge("livekey_sink_failing", "1 while the sink cannot be written.", "sink")
	owed    = gauge("livekey_reload_owed", "1 while consumers of the sink have to be told of what changed.", "sink")

	consumers = gauge("livekey_consumers", "Who was seen with a version of the key, at the last look: the current one, or an older.", "key", "stage")
	looked    = gauge("livekey_holders_looked_timestamp_seconds", "When livekey last looked who holds what.")

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

// Describe sends nothing: which samples there are depends on the status.
func (snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect sends a sample for everything that the status knows now.
func (s snapshot) Collect(to chan<- prometheus.Metric) {
	status := s()
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	at := func(d *prometheus.Desc, t time.Time, labels ...string) {
		if !t.IsZero() {
			send(d, float64(t.UnixMilli())/1e3, labels...)
		}
	}
	send(ready, bit(status.Ready))
	var lookedAt time.Time // one look is for all keys
	for _, k := range status.Keys {
		name := string(k.Name)
		is := stateOf(k)
		for _, one := range states {
			send(state, bit(one == is), name, one)
		}
		if k.Candidate != nil && k.Candidate.HeldBy != "" {
			send(held, 1, name, k.Candidate.HeldBy)
		}
		if c := k.Current; c != nil {
			at(verified, c.CheckedAt, name)
			at(delivered, c.DeliveredAt, name)
			at(expiry, c.ExpiresAt, name)
			at(nextProbe, k.NextProbeAt, name)
		}
		valid := 0
		for _, o := range k.Older {
			if o.Outcome == key.Live && !o.Unwatched {
				valid++
			}
		}
		send(previous, float64(valid), name)
		if h := k.Holders; h != nil {
			send(consumers, float64(h.Current), name, "current")
			send(consumers, float64(h.Older), name, "older")
			lookedAt = h.LookedAt
		}
	}
	at(looked, lookedAt)
	sinks(status.Keys, send, at)
	for a, n := range alertsOf(status) {
		send(open, float64(n), a.cause, a.severity)
	}
}

// sinks sends each sink once: every key of a status shows those that it has.
func sinks(keys []report.Key, send func(*prometheus.Desc, float64, ...string), at func(*prometheus.Desc, time.Time, ...string)) {
	seen := map[string]bool{}
	for _, k := range keys {
		for _, s := range k.Sinks {
			if seen[s.Name] {
				continue
			}
			seen[s.Name] = true
			at(written, s.WrittenAt, s.Name)
			send(failing, bit(s.Unwritten), s.Name)
			send(owed, bit(s.ReloadOwed), s.Name)
		}
	}
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

type openAlert struct{ cause, severity string }

func alertsOf(s report.Status) map[openAlert]int {
	n := map[openAlert]int{}
	for _, a := range s.Alerts {
		n[openAlert{string(a.Cause), string(a.Severity)}]++
	}
	return n
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
