// Package metrics is what Prometheus sees: counters that the engine feeds, and gauges
// made of a status in the moment somebody asks. Labels are names of the config and
// words of fixed sets, never a fingerprint and never a value.
package metrics

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Metrics outlive reloads: counters only grow. Safe for concurrent use; make one with
// New.
type Metrics struct {
	version, goVersion string

	probes, sourceReads, sourceErrors, sinkWrites, sinkErrors, sent, sendErrors, reloads, lookErrors *counter
	probeSeconds, lookSeconds                                                                        *histogram
	reloadGood                                                                                       atomic.Bool
	reloadTime                                                                                       atomic.Pointer[time.Time]

	scrapes atomic.Int32 // that are being answered
}

var (
	info       = gauge("livekey_build_info", "Always 1; the labels say which build this is.", "goversion", "version")
	reloadGood = gauge("livekey_config_last_reload_successful", "1 if the config was taken when it was last read.")
	reloadTime = gauge("livekey_config_last_reload_success_timestamp_seconds", "When the config that holds was read.")
)

// New makes the metrics of a livekey of this version.
func New(version, goVersion string) *Metrics {
	m := &Metrics{
		version: version, goVersion: goVersion,
		probes: newCounter("livekey_probe_total",
			"Live calls to issuers, by what they said: live, dead or unknown.", "provider", "result"),
		sourceReads:  newCounter("livekey_source_reads_total", "Reads of a source, of which one may bring many records.", "source"),
		sourceErrors: newCounter("livekey_source_errors_total", "Reads of a source that failed.", "source"),
		sinkWrites:   newCounter("livekey_sink_writes_total", "Writes of a sink that changed it.", "sink"),
		sinkErrors:   newCounter("livekey_sink_write_errors_total", "Writes of a sink that failed.", "sink"),
		sent:         newCounter("livekey_alerts_sent_total", "Events that an alert channel took.", "channel"),
		sendErrors:   newCounter("livekey_alert_send_errors_total", "Events that an alert channel did not take; they are sent again.", "channel"),
		reloads: newCounter("livekey_reloads_total",
			"Times that the consumers of a sink were told of a change, by how it ended: done, failed or untold.", "result", "sink"),
		lookErrors: newCounter("livekey_holders_look_errors_total", "Times that nobody could look."),
		probeSeconds: newHistogram("livekey_probe_duration_seconds", "How long issuers took to answer.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "provider"),
		lookSeconds: newHistogram("livekey_holders_look_duration_seconds", "How long livekey looked who holds what, at idle priority.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 5, 30}),
	}
	m.Reloaded(true)
	return m
}

// Probed counts one live call and what it said.
func (m *Metrics) Probed(provider string, v key.Verdict, took time.Duration) {
	m.probes.inc(provider, v.Outcome.String())
	m.probeSeconds.observe(took.Seconds(), provider)
}

// SourceRead counts one read of a source.
func (m *Metrics) SourceRead(source string, err error) {
	m.sourceReads.inc(source)
	if err != nil {
		m.sourceErrors.inc(source)
	}
}

// SinkWritten counts a write that changed a sink, or failed.
func (m *Metrics) SinkWritten(sink string, err error) {
	if err != nil {
		m.sinkErrors.inc(sink)
		return
	}
	m.sinkWrites.inc(sink)
}

// AlertSent counts one event that was offered to a channel.
func (m *Metrics) AlertSent(channel string, err error) {
	if err != nil {
		m.sendErrors.inc(channel)
		return
	}
	m.sent.inc(channel)
}

// ReloadEnded counts one telling of a sink's consumers.
func (m *Metrics) ReloadEnded(sink, how string) { m.reloads.inc(how, sink) }

// Looked counts one look for holders, or a try.
func (m *Metrics) Looked(took time.Duration, err error) {
	if err != nil {
		m.lookErrors.inc()
		return
	}
	m.lookSeconds.observe(took.Seconds())
}

// Reloaded takes note of whether the config was taken.
func (m *Metrics) Reloaded(taken bool) {
	m.reloadGood.Store(taken)
	if taken {
		now := time.Now()
		m.reloadTime.Store(&now)
	}
}

// maxScrapes is how many scrapes are answered at once: each has a status of all keys
// in memory. Further ones are told 503.
const maxScrapes = 4

// Handler answers with all metrics, in Prometheus' text format. The gauges are what
// status says then.
func (m *Metrics) Handler(status func() report.Status) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer m.scrapes.Add(-1)
		if m.scrapes.Add(1) > maxScrapes {
			http.Error(w, "too many scrapes at once, try again", http.StatusServiceUnavailable)
			return
		}
		p := newPage(w)
		snapshot(p, status())
		m.write(p)
		golang(p)
		process(p)
		_ = p.w.Flush()
	})
}

// write writes what was counted.
func (m *Metrics) write(p *page) {
	for _, c := range []*counter{
		m.probes, m.sourceReads, m.sourceErrors, m.sinkWrites, m.sinkErrors, m.sent, m.sendErrors, m.reloads, m.lookErrors,
	} {
		c.write(p)
	}
	m.probeSeconds.write(p)
	m.lookSeconds.write(p)
	p.of(reloadGood)
	p.sample(bit(m.reloadGood.Load()))
	p.of(reloadTime)
	p.at(*m.reloadTime.Load())
	p.of(info)
	p.sample(1, m.goVersion, m.version)
}
