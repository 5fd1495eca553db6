package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// freeAddress is one on loopback that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := freeAddress(t)
	good := w.newKey()
	w.put("A", good)
	config := "metrics: " + address + "\nkeys:\n" + fileKey("A") + twoSinks
	w.configure(config)
	d := w.start()
	d.awaitReady()

	scrape := func() string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		must(t, err)
		resp, err := http.DefaultTransport.RoundTrip(r)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		w.remember("/metrics", body)
		return string(body)
	}
	says := func(lines ...string) {
		t.Helper()
		w.until(fmt.Sprintf("/metrics says %q", lines), patience, func() error {
			text := scrape()
			for _, line := range lines {
				if !strings.Contains(text, line+"\n") {
					return errors.New("no line " + line)
				}
			}
			return nil
		})
	}
	says(`livekey_ready 1`, `livekey_key_state{key="A",state="live"} 1`, `livekey_sink_writes_total{sink="app"} 1`,
		`livekey_config_last_reload_successful 1`)
	if strings.Contains(scrape(), `livekey_probe_total{provider="anthropic",result="dead"}`) {
		t.Error("a dead answer was counted before there was one")
	}
	w.put("A", "sk-ant-api03-"+strings.Repeat("dead", 22)+"-AAAAAAAA")
	says(`livekey_key_candidate_held{key="A",reason="rejected"} 1`, `livekey_key_state{key="A",state="live"} 1`,
		`livekey_alerts_open{cause="candidate_rejected",severity="warning"} 1`, `livekey_alerts_sent_total{channel="ops"} 1`)
	w.configure(config + "sinkz: {}\n")
	d.reload()
	says(`livekey_config_last_reload_successful 0`)
	w.configure(config)
	d.reload()
	says(`livekey_config_last_reload_successful 1`, `livekey_sink_writes_total{sink="app"} 1`)
	if strings.Contains(scrape(), good) {
		t.Error("a value is among the metrics")
	}
}
