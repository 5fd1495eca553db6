package pagerduty

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

const routingKey = "R0UT1NGKEYcanary0123456789abcdef"

func connect(t testing.TB, settings string, args ...any) (alerts.Channel, error) {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.duty", fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(alerts.Env{Name: "duty", HTTP: &httpclient.Factory{}}, node)
}

func to(t testing.TB, address string) alerts.Channel {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routing-key")
	if err := os.WriteFile(file, []byte(routingKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := connect(t, "routing_key_file: %s\nendpoint: %s/", file, address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read takes what PagerDuty takes.
func read(req *http.Request, body []byte) (alerttest.Message, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return alerttest.Message{}, err
	}
	p := e.Payload
	switch {
	case req.URL.Path != "/v2/enqueue":
		return alerttest.Message{}, fmt.Errorf("to the path %s", req.URL.Path)
	case e.RoutingKey != routingKey:
		return alerttest.Message{}, errors.New("another routing key")
	case e.Action != "trigger" && e.Action != "resolve", e.DedupKey == "" || len(e.DedupKey) > 255:
		return alerttest.Message{}, fmt.Errorf("action %s of %q", e.Action, e.DedupKey)
	case p.Summary == "" || len(p.Summary) > 1024 || p.Source == "" || p.Timestamp.IsZero():
		return alerttest.Message{}, errors.New("a required field is empty or too long")
	case p.Severity != "critical" && p.Severity != "warning" && p.Severity != "info" && p.Severity != "error":
		return alerttest.Message{}, fmt.Errorf("severity %s", p.Severity)
	case len(body) > 512<<10:
		return alerttest.Message{}, errors.New("too large")
	}
	return alerttest.Message{Text: string(body)}, nil
}

func TestConformance(t *testing.T) {
	alerttest.RunHTTP(t, alerttest.HTTPHarness{Open: to, Take: read, Credential: routingKey})
}

func TestEventsOfOneAlertAreOneIncident(t *testing.T) {
	a := alerttest.Sample()
	for _, c := range []struct {
		typ    alerts.Type
		action string
	}{{alerts.Opened, "trigger"}, {alerts.Updated, "trigger"}, {alerts.Resolved, "resolve"}} {
		a.Type = c.typ
		if e := compose(a, "host"); e.Action != c.action || e.DedupKey != a.Data.ID {
			t.Errorf("%s: %s of %s", c.typ, e.Action, e.DedupKey)
		}
	}
	a = alerttest.Sample()
	got, err := json.Marshal(compose(a, "host-1"))
	want := `{"routing_key":"","event_action":"trigger","dedup_key":"al_0123456789abcdef","client":"livekey","payload":{` +
		`"summary":"ANTHROPIC_API_KEY: the current key is dead and has no successor","source":"host-1","severity":"critical",` +
		`"timestamp":"2026-11-23T22:25:17.123456789Z","component":"ANTHROPIC_API_KEY","group":"anthropic","class":"key_dead",` +
		`"custom_details":{"event":"opened","since":"2026-11-23T22:25:16.123456789Z","actions":["livekey refresh ANTHROPIC_API_KEY"],` +
		`"affected":["app","files"],"evidence":["fingerprint: 9f86d081884c","http_status: 401"]}}}`
	if err != nil || string(got) != want {
		t.Errorf("%v: got\n%s\nwant\n%s", err, got, want)
	}
}

func TestABadRoutingKeyIsNamedAndNotQuoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routing-key")
	if err := os.WriteFile(file, []byte(routingKey+" "+routingKey), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "more than one word", file + ".none": "no such file"} {
		c, err := connect(t, "routing_key_file: %s", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(t.Context(), alerttest.Sample()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("err %v, want %q", err, want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"a routing key is required", "{}", "routing_key_file: required"},
		{"and not in the config", "routing_key: x", "routing_key"},
		{"the endpoint is encrypted", "routing_key_file: /x\nendpoint: http://events.example.com", "endpoint: unencrypted"},
		{"a timeout has bounds", "routing_key_file: /x\ntimeout: 2m", "timeout: must be"},
	} {
		if _, err := connect(t, "%s", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
	for _, good := range []string{"routing_key_file: /x", "routing_key_file: /x\nendpoint: https://events.eu.pagerduty.com"} {
		if _, err := connect(t, "%s", good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
