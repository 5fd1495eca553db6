// Package metrics is what Prometheus sees: counters that the engine feeds, and gauges
// made of a status in the moment somebody asks. Labels are names of the config and
// words of fixed sets, never a fingerprint and never a value.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Metrics outlive reloads: counters only grow. Safe for concurrent use; make one with
// New.
type Metrics struct {
	registry *prometheus.Registry

	probes, sourceReads, sourceErrors, sinkWrites, sinkErrors, sent, sendErrors, reloads *prometheus.CounterVec
	probeSeconds                                                                         *prometheus.HistogramVec
	lookSeconds                                                                          prometheus.Histogram
	lookErrors                                                                           prometheus.Counter
	reloadGood, reloadTime                                                               prometheus.Gauge
}

// New makes the metrics of a livekey of this version.
func New(version, goVersion string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		probes: counter("livekey_probe_total",
			"Live calls to issuers, by what they said: live, dead or unknown.", "provider", "result"),
		sourceReads:  counter("livekey_source_reads_total", "Reads of a source, of which one may bring many records.", "source"),
		sourceErrors: counter("livekey_source_errors_total", "Reads of a source that failed.", "source"),
		sinkWrites:   counter("livekey_sink_writes_total", "Writes of a sink that changed it.", "sink"),
		sinkErrors:   counter("livekey_sink_write_errors_total", "Writes of a sink that failed.", "sink"),
		sent:         counter("livekey_alerts_sent_total", "Events that an alert channel took.", "channel"),
		sendErrors:   counter("livekey_alert_send_errors_total", "Events that an alert channel did not take; they are sent again.", "channel"),
		reloads: counter("livekey_reloads_total",
			"Times that the consumers of a sink were told of a change, by how it ended: done, failed or untold.", "sink", "result"),
		probeSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "livekey_probe_duration_seconds", Help: "How long issuers took to answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"provider"}),
		lookSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livekey_holders_look_duration_seconds", Help: "How long livekey looked who holds what, at idle priority.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 5, 30},
		}),
		lookErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livekey_holders_look_errors_total", Help: "Times that nobody could look.",
		}),
		reloadGood: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livekey_config_last_reload_successful", Help: "1 if the config was taken when it was last read.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livekey_config_last_reload_success_timestamp_seconds", Help: "When the config that holds was read.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "livekey_build_info", Help: "Always 1; the labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": goVersion},
	})
	info.Set(1)
	m.registry.MustRegister(
		m.probes, m.sourceReads, m.sourceErrors, m.sinkWrites, m.sinkErrors, m.sent, m.sendErrors, m.reloads, m.probeSeconds,
		m.lookSeconds, m.lookErrors, m.reloadGood, m.reloadTime, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.Reloaded(true)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Probed counts one live call and what it said.
func (m *Metrics) Probed(provider string, v key.Verdict, took time.Duration) {
	m.probes.WithLabelValues(provider, v.Outcome.String()).Inc()
	m.probeSeconds.WithLabelValues(provider).Observe(took.Seconds())
}

// SourceRead counts one read of a source.
func (m *Metrics) SourceRead(source string, err error) {
	m.sourceReads.WithLabelValues(source).Inc()
	if err != nil {
		m.sourceErrors.WithLabelValues(source).Inc()
	}
}

// SinkWritten counts a write that changed a sink, or failed.
func (m *Metrics) SinkWritten(sink string, err error) {
	if err != nil {
		m.sinkErrors.WithLabelValues(sink).Inc()
		return
	}
	m.sinkWrites.WithLabelValues(sink).Inc()
}

// AlertSent counts one event that was offered to a channel.
func (m *Metrics) AlertSent(channel string, err error) {
	if err != nil {
		m.sendErrors.WithLabelValues(channel).Inc()
		return
	}
	m.sent.WithLabelValues(channel).Inc()
}

// ReloadEnded counts one telling of a sink's consumers.
func (m *Metrics) ReloadEnded(sink, how string) { m.reloads.WithLabelValues(sink, how).Inc() }

// Looked counts one look for holders, or a try.
func (m *Metrics) Looked(took time.Duration, err error) {
	if err != nil {
		m.lookErrors.Inc()
		return
	}
	m.lookSeconds.Observe(took.Seconds())
}

// Reloaded takes note of whether the config was taken.
func (m *Metrics) Reloaded(taken bool) {
	if !taken {
		m.reloadGood.Set(0)
		return
	}
	m.reloadGood.Set(1)
	m.reloadTime.SetToCurrentTime()
}

// maxScrapes is how many scrapes are answered at once: each has a status of all keys
// in memory. Further ones are told 503.
const maxScrapes = 4

// Handler answers with all metrics in the format that the scraper asks for. The gauges
// are what status says then.
func (m *Metrics) Handler(status func() report.Status) http.Handler {
	now := prometheus.NewRegistry()
	now.MustRegister(snapshot(status))
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, now}, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}
