package metrics

import (
	"errors"
	"io"
	"math"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// full is a status in which every gauge has a sample.
func full() report.Status {
	at := time.Unix(1_800_000_000, 0)
	sinks := []report.Sink{{Name: "app", WrittenAt: at, ReloadOwed: true}, {Name: "broken", WrittenAt: at, Error: "disk full", Unwritten: true}}
	return report.Status{
		Ready: true,
		Lease: &report.Lease{Working: true},
		Keys: []report.Key{
			{
				Name: "LIVE", Provider: "anthropic", Sinks: sinks, NextProbeAt: at,
				Current: &report.Current{
					Outcome: key.Live, Reason: key.Valid, CheckedAt: at, DeliveredAt: at, ExpiresAt: at, Fingerprint: "f00dface0000",
					Limits: &key.Limits{Limit: 50, Remaining: 48, ResetAt: at},
				},
				Candidate: &report.Candidate{HeldBy: "misplaced"},
				Older:     []report.Older{{Outcome: key.Live}, {Outcome: key.Dead}},
				Holders:   &report.Holders{Current: 3, Older: 2, LookedAt: at},
			},
			{Name: "EMPTY", Sinks: sinks},
		},
		Alerts: []alerts.Data{{Cause: key.KeyDead, Severity: key.Critical}, {Cause: key.KeyDead, Severity: key.Critical}},
	}
}

func fed() *Metrics {
	m := New("v1.2.3", "go1.26")
	m.Probed("anthropic", key.Verdict{Outcome: key.Live}, 30*time.Millisecond)
	m.SourceRead("vault", errors.New("down"))
	m.Looked(30*time.Millisecond, nil)
	m.Looked(time.Second, errors.New("no procfs"))
	m.SinkWritten("app", nil)
	m.SinkWritten("broken", errors.New("disk full"))
	m.AlertSent("ops", nil)
	m.AlertSent("ops", errors.New("down"))
	m.ReloadEnded("app", "done")
	return m
}

func scrape(t *testing.T, m *Metrics, status func() report.Status) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(status).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("%d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

func TestScrape(t *testing.T) {
	text := scrape(t, fed(), full)
	for rule, line := range map[string]string{
		"the build is told":                            `livekey_build_info{goversion="go1.26",version="v1.2.3"} 1`,
		"readiness is a number":                        `livekey_ready 1`,
		"the state of a key is 1":                      `livekey_key_state{key="LIVE",state="live"} 1`,
		"its other states are 0":                       `livekey_key_state{key="LIVE",state="dead"} 0`,
		"a key that was never delivered has a state":   `livekey_key_state{key="EMPTY",state="undelivered"} 1`,
		"times are absolute, in seconds":               `livekey_key_last_verified_timestamp_seconds{key="LIVE"} 1.8e+09`,
		"an expiry is told":                            `livekey_key_expiry_timestamp_seconds{key="LIVE"} 1.8e+09`,
		"a limit is told":                              `livekey_key_rate_limit{key="LIVE"} 50`,
		"so is what is left of it":                     `livekey_key_rate_limit_remaining{key="LIVE"} 48`,
		"and when all is back":                         `livekey_key_rate_limit_reset_timestamp_seconds{key="LIVE"} 1.8e+09`,
		"who proves a key is told":                     `livekey_key_info{key="LIVE",provider="anthropic"} 1`,
		"what is held says why":                        `livekey_key_candidate_held{key="LIVE",reason="misplaced"} 1`,
		"old versions that live are counted":           `livekey_previous_key_valid{key="LIVE"} 1`,
		"consumers are counted by stage":               `livekey_consumers{key="LIVE",stage="older"} 2`,
		"a look is dated":                              `livekey_holders_looked_timestamp_seconds 1.8e+09`,
		"looks are timed":                              `livekey_holders_look_duration_seconds_bucket{le="0.05"} 1`,
		"looks that nobody could take are counted":     `livekey_holders_look_errors_total 1`,
		"a sink of two keys has one sample":            `livekey_sink_failing{sink="app"} 0`,
		"a sink that fails is told":                    `livekey_sink_failing{sink="broken"} 1`,
		"a reload that is owed is told":                `livekey_reload_owed{sink="app"} 1`,
		"a reload is counted by how it ended":          `livekey_reloads_total{result="done",sink="app"} 1`,
		"alerts are counted by cause":                  `livekey_alerts_open{cause="key_dead",severity="critical"} 2`,
		"probes are counted by what they said":         `livekey_probe_total{provider="anthropic",result="live"} 1`,
		"answers are timed":                            `livekey_probe_duration_seconds_bucket{provider="anthropic",le="0.05"} 1`,
		"a read that failed is a read":                 `livekey_source_reads_total{source="vault"} 1`,
		"reads that failed are counted":                `livekey_source_errors_total{source="vault"} 1`,
		"writes are counted":                           `livekey_sink_writes_total{sink="app"} 1`,
		"writes that failed are counted":               `livekey_sink_write_errors_total{sink="broken"} 1`,
		"a channel's events are counted":               `livekey_alerts_sent_total{channel="ops"} 1`,
		"so are those that it did not take":            `livekey_alert_send_errors_total{channel="ops"} 1`,
		"the config that was read at start is the one": `livekey_config_last_reload_successful 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s: no line %q", rule, line)
		}
	}
	if strings.Contains(text, "f00dface") {
		t.Error("a fingerprint is among the metrics")
	}
	if strings.Contains(text, `livekey_consumers{key="EMPTY"`) {
		t.Error("nobody looked, and consumers are counted")
	}
	if strings.Contains(text, `livekey_key_rate_limit{key="EMPTY"}`) {
		t.Error("nobody told limits, and they have a sample")
	}
	if strings.Contains(text, `livekey_key_last_verified_timestamp_seconds{key="EMPTY"}`) {
		t.Error("what was never asked about has a time")
	}
}

func TestScrapesAtOnceAreBounded(t *testing.T) {
	asked, release := make(chan struct{}, maxScrapes), make(chan struct{})
	h := fed().Handler(func() report.Status {
		asked <- struct{}{}
		<-release
		return full()
	})
	answer := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		return w.Code
	}
	var all sync.WaitGroup
	for range maxScrapes {
		all.Go(func() {
			if code := answer(); code != 200 {
				t.Errorf("a scrape within the bound: %d", code)
			}
		})
	}
	for range maxScrapes {
		<-asked
	}
	go func() { // without a bound, one more would wait for ever
		select {
		case <-asked:
			t.Errorf("more than %d scrapes at once", maxScrapes)
			close(release)
		case <-release:
		}
	}()
	if code := answer(); code != 503 {
		t.Errorf("one more: %d, want 503", code)
	}
	select {
	case <-release:
	default:
		close(release)
	}
	all.Wait()
}

func TestReloadsAreTold(t *testing.T) {
	m := New("v", "go")
	m.Reloaded(false)
	if text := scrape(t, m, full); !strings.Contains(text, "livekey_config_last_reload_successful 0\n") {
		t.Error("a config that was refused is told as taken")
	}
	m.Reloaded(true)
	if text := scrape(t, m, full); !strings.Contains(text, "livekey_config_last_reload_successful 1\n") {
		t.Error("a config that was taken is told as refused")
	}
}

func TestAKeyHasOneState(t *testing.T) {
	for want, k := range map[string]report.Key{
		stateUndelivered: {},
		stateUnproved:    {Current: &report.Current{Outcome: key.Live, Unproved: key.Transient}},
		stateSuspect:     {Current: &report.Current{Outcome: key.Dead, Suspect: true}},
		stateDead:        {Current: &report.Current{Outcome: key.Dead}},
		stateBlocked:     {Current: &report.Current{Outcome: key.Live, Reason: key.Blocked}},
		stateLive:        {Current: &report.Current{Outcome: key.Live, Reason: key.RateLimited}},
		stateUnasked:     {Current: &report.Current{}},
	} {
		if got := stateOf(k); got != want {
			t.Errorf("%+v is %s, want %s", k.Current, got, want)
		}
		if !slices.Contains(states, want) {
			t.Errorf("%s is no state that is told", want)
		}
	}
}

func TestOnStandbyAnotherSaysWhetherAllIsWell(t *testing.T) {
	text := scrape(t, fed(), func() report.Status { return report.Status{Lease: &report.Lease{}} })
	if !strings.Contains(text, "\nlivekey_leader 0\n") || strings.Contains(text, "livekey_ready") {
		t.Error(text)
	}
	if alone := scrape(t, fed(), func() report.Status { return report.Status{} }); strings.Contains(alone, "livekey_leader") {
		t.Error("a livekey without a lease says that it leads, or not")
	}
}

func TestNamesAreAsPrometheusWants(t *testing.T) {
	text := scrape(t, fed(), full)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Metric != "livekey_probe_total" { // named after the probe, as its users know it
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	names := map[string]bool{}
	for name := range parse(t, text) {
		if strings.HasPrefix(name, "livekey_") {
			names[name] = true
		}
	}
	documented(t, names)
}

// parse reads a page as Prometheus does.
func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	reader := expfmt.NewTextParser(model.LegacyValidation)
	families, err := reader.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return families
}

func TestWhatIsUsualIsAsUsual(t *testing.T) {
	usual := prometheus.NewRegistry()
	usual.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	text := scrape(t, fed(), full)
	theirs, err := usual.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours := parse(t, text)
	for _, want := range theirs {
		name := want.GetName()
		got := ours[name]
		if got == nil {
			t.Errorf("no %s", name)
			continue
		}
		if got.GetHelp() != want.GetHelp() || got.GetType() != want.GetType() {
			t.Errorf("%s is a %s, %q; want a %s, %q", name, got.GetType(), got.GetHelp(), want.GetType(), want.GetHelp())
		}
		if strings.HasPrefix(name, "go_memstats_") { // the other test holds of what they are made
			continue
		}
		// Both were asked within a moment: what is a number of this process is about the same.
		a, b := valueOf(got.Metric[0]), valueOf(want.Metric[0])
		if math.Abs(a-b) > 0.5*math.Max(a, b)+32 {
			t.Errorf("%s is %v, and the library says %v", name, a, b)
		}
	}
	for name := range ours {
		if !strings.HasPrefix(name, "livekey_") && !slices.ContainsFunc(theirs, func(f *dto.MetricFamily) bool { return f.GetName() == name }) {
			t.Errorf("%s is not among the usual", name)
		}
	}
}

func TestTheRuntimeIsSummedUpAsItsHelpSays(t *testing.T) {
	for _, r := range runtimes {
		_, says, told := strings.Cut(r.help, "Equals to ")
		if !told {
			continue
		}
		want := strings.Join(r.equals, " + ")
		if says = strings.TrimSuffix(says, "."); says != want && says+"s" != want { // one of them lacks its s
			t.Errorf("%s is %s, and says %s", r.name, want, says)
		}
	}
}

func valueOf(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Summary != nil:
		return m.Summary.GetSampleSum()
	default:
		return m.Gauge.GetValue()
	}
}

func TestAnyTextIsALabel(t *testing.T) {
	for _, name := range []string{`say "hi"`, `C:\new`, "two\nlines", "ключ", "a,b}{", ""} {
		m := New(name, "go")
		m.SourceRead(name, nil)
		m.Probed(name, key.Verdict{}, 20*time.Second)
		families := parse(t, scrape(t, m, func() report.Status { return report.Status{} }))
		for _, family := range []string{"livekey_build_info", "livekey_source_reads_total", "livekey_probe_duration_seconds"} {
			got := families[family].Metric[0].Label
			if !slices.ContainsFunc(got, func(l *dto.LabelPair) bool { return l.GetValue() == name }) {
				t.Errorf("%s: %q became %v", family, name, got)
			}
		}
	}
}

func TestHistogramsSumUp(t *testing.T) {
	m := New("v", "go")
	for _, took := range []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 11 * time.Millisecond, time.Minute} {
		m.Probed("anthropic", key.Verdict{}, took)
	}
	h := parse(t, scrape(t, m, full))["livekey_probe_duration_seconds"].Metric[0].Histogram
	if h.GetSampleCount() != 4 || math.Abs(h.GetSampleSum()-60.026) > 1e-9 {
		t.Errorf("%d observations, %v s", h.GetSampleCount(), h.GetSampleSum())
	}
	for _, b := range h.Bucket {
		want := uint64(3)
		switch {
		case b.GetUpperBound() == .01:
			want = 2 // a bound belongs to what is below it
		case math.IsInf(b.GetUpperBound(), 1):
			want = 4
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("up to %v: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
}

func TestColumns(t *testing.T) {
	const netstat = "TcpExt: A InOctets\nTcpExt: 1 2\nIpExt: In InOctets\nIpExt: 3 4\n"
	for _, c := range []struct {
		rule, text, first, name string
		want                    float64
		ok                      bool
	}{
		{"a word after the first", "cpu 1 2\nbtime 17\n", "btime", "", 17, true},
		{"a column of the right table", netstat, "IpExt:", "InOctets", 4, true},
		{"no such column", netstat, "IpExt:", "OutOctets", 0, false},
		{"no such line", netstat, "Icmp:", "InOctets", 0, false},
		{"a head without its numbers", "IpExt: In InOctets\nIpExt: 3\n", "IpExt:", "InOctets", 0, false},
		{"no number", "btime soon\n", "btime", "", 0, false},
	} {
		if got, ok := columnOf([]byte(c.text), c.first, c.name); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v", c.rule, got, ok)
		}
	}
}

// documented holds that the page names every metric, and no other.
func documented(t *testing.T, names map[string]bool) {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(livekey_[a-z_]+)").FindAllStringSubmatch(string(page), -1) {
		said[found[1]] = true
	}
	for name := range names {
		if !said[name] {
			t.Errorf("docs/metrics.md does not name %s", name)
		}
	}
	for name := range said {
		if !names[name] {
			t.Errorf("docs/metrics.md names %s, which there is not", name)
		}
	}
}
