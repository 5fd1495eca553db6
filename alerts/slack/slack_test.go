package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

const token = "T0KEN/B1234567890/canary-in-the-path"

func connect(t testing.TB, settings string, args ...any) (alerts.Channel, error) {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.chat", fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(alerts.Env{Name: "chat", HTTP: &httpclient.Factory{}}, node)
}

// to is a channel to an address that a file has.
func to(t testing.TB, address string) alerts.Channel {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := connect(t, "url_file: %s", file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read is a message as Slack shows it.
func read(req *http.Request, body []byte) (alerttest.Message, error) {
	if !strings.HasSuffix(req.URL.Path, token) {
		return alerttest.Message{}, fmt.Errorf("to the path %s", req.URL.Path)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return alerttest.Message{}, err
	}
	if strings.ContainsAny(string(body[1:]), "<>") || len(m.Attachments) != 1 {
		return alerttest.Message{}, fmt.Errorf("markup, or no attachment")
	}
	var text strings.Builder
	a := m.Attachments[0]
	fmt.Fprintln(&text, m.Text, a.Text, a.Footer)
	for _, f := range a.Fields {
		fmt.Fprintln(&text, f.Title, f.Value)
	}
	return alerttest.Message{Text: strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text.String())}, nil
}

func TestConformance(t *testing.T) {
	alerttest.RunHTTP(t, alerttest.HTTPHarness{
		Open:       func(t testing.TB, address string) alerts.Channel { return to(t, address+"/services/"+token) },
		Take:       read,
		Credential: "canary-in-the-path",
	})
}

func TestAMessageCanBeActedOn(t *testing.T) {
	a := alerttest.Sample()
	a.Data.Summary = "dead & gone <!channel>"
	got, err := json.Marshal(compose(a))
	want := `{"text":"opened: critical key_dead of ANTHROPIC_API_KEY (anthropic)","mrkdwn":false,"attachments":[{` +
		`"fallback":"opened: critical key_dead of ANTHROPIC_API_KEY (anthropic)","color":"danger","text":"dead \u0026amp; gone \u0026lt;!channel\u0026gt;",` +
		`"fields":[{"title":"What to do","value":"livekey refresh ANTHROPIC_API_KEY","short":false},` +
		`{"title":"Affected","value":"app\nfiles","short":true},` +
		`{"title":"Evidence","value":"fingerprint: 9f86d081884c\nhttp_status: 401","short":true},` +
		`{"title":"Since","value":"2026-11-23T22:25:16Z","short":true}],` +
		`"footer":"livekey al_0123456789abcdef","ts":1795472717,"mrkdwn_in":[]}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v: got\n%s\nwant\n%s", err, got, want)
	}
	for typ, want := range map[alerts.Type]string{alerts.Resolved: "good", alerts.Updated: "danger"} {
		a.Type = typ
		if got := compose(a).Attachments[0].Color; got != want {
			t.Errorf("%s is %s", typ, got)
		}
	}
}

func TestALongAlertStaysReadable(t *testing.T) {
	a := alerttest.Sample()
	a.Data.Summary = strings.Repeat("long ", 20_000)
	for range 1000 {
		a.Data.Affected = append(a.Data.Affected, strings.Repeat("x", 1000))
	}
	b, err := json.Marshal(compose(a))
	if err != nil || len(b) > 10<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestABadAddressIsNamedAndNotQuoted(t *testing.T) {
	for _, bad := range []string{token, "http://hooks.example.com/" + token, "https:///" + token, "https://u:canary-in-the-path@h.example/", "", "https://a b/" + token} {
		err := to(t, bad).Send(t.Context(), alerttest.Sample())
		if err == nil || !strings.Contains(err.Error(), "read url_file /") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: err %v", bad, err)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"the address is in a file", "{}", "url_file: required"},
		{"and not in the config", "url: https://hooks.slack.com/services/x", "url"},
		{"a timeout has bounds", "url_file: /x\ntimeout: 2m", "timeout: must be"},
	} {
		if _, err := connect(t, "%s", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
}

func TestASlowReceiverIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(slow.URL+"/"+token), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := connect(t, "url_file: %s\ntimeout: 50ms", file)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Send(t.Context(), alerttest.Sample()); err == nil || time.Since(began) > 5*time.Second || strings.Contains(err.Error(), "canary") {
		t.Errorf("err %v after %s", err, time.Since(began))
	}
}
