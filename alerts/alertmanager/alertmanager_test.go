package alertmanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/httpclient"
)

const token = "canary-bearer-0123456789"

func open(t testing.TB, log *slog.Logger, settings string, args ...any) (alerts.Channel, error) {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.am", fmt.Sprintf(settings, args...))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(alerts.Env{Name: "am", Log: log, HTTP: &httpclient.Factory{}}, node)
}

func mustOpen(t testing.TB, settings string, args ...any) alerts.Channel {
	t.Helper()
	c, err := open(t, slog.New(slog.DiscardHandler), settings, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read takes what Alertmanager takes.
func read(req *http.Request, body []byte) (alerttest.Message, error) {
	var all []postable
	if err := json.Unmarshal(body, &all); err != nil {
		return alerttest.Message{}, err
	}
	switch {
	case req.URL.Path != "/prefix/api/v2/alerts":
		return alerttest.Message{}, fmt.Errorf("to the path %s", req.URL.Path)
	case req.Header.Get("Authorization") != "Bearer "+token:
		return alerttest.Message{}, errors.New("not logged in")
	case len(all) != 1 || all[0].Labels["alertname"] == "" || all[0].EndsAt.Before(all[0].StartsAt):
		return alerttest.Message{}, errors.New("not one whole alert")
	}
	var text strings.Builder
	for _, m := range []map[string]string{all[0].Labels, all[0].Annotations} {
		for name, value := range m {
			if value == "" || !labelName.MatchString(name) {
				return alerttest.Message{}, fmt.Errorf("label %q is %q", name, value)
			}
			fmt.Fprintln(&text, name, value)
		}
	}
	return alerttest.Message{Text: text.String()}, nil
}

func TestConformance(t *testing.T) {
	alerttest.RunHTTP(t, alerttest.HTTPHarness{
		Open: func(t testing.TB, address string) alerts.Channel {
			return mustOpen(t, "urls: [%s/prefix/]\ntoken_file: %s", address, file(t, token))
		},
		Take:       read,
		Credential: token,
	})
}

func TestLabelsAreTheIdentityOfAnAlert(t *testing.T) {
	c := mustOpen(t, "urls: [https://am.example]\nlabels: {team: platform}").(*channel)
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	a := alerttest.Sample()
	opened := c.compose(a, "host-1", now)
	want := map[string]string{
		"alertname": "LivekeyKeyDead", "id": "al_0123456789abcdef", "cause": "key_dead", "severity": "critical",
		"key": "ANTHROPIC_API_KEY", "provider": "anthropic", "instance": "host-1", "team": "platform",
	}
	if !maps.Equal(opened.Labels, want) {
		t.Errorf("labels %v, want %v", opened.Labels, want)
	}
	if !opened.StartsAt.Equal(a.Data.Since) || !opened.EndsAt.Equal(now.Add(4*time.Minute)) {
		t.Errorf("from %s to %s", opened.StartsAt, opened.EndsAt)
	}
	a.Type, a.Timestamp, a.Data.Summary, a.Data.Actions = alerts.Resolved, now.Add(-time.Second), "other", nil
	resolved := c.compose(a, "host-1", now)
	if !maps.Equal(resolved.Labels, want) || !resolved.EndsAt.Equal(now.Add(-time.Second)) {
		t.Errorf("resolved: labels %v, until %s", resolved.Labels, resolved.EndsAt)
	}
	a.Timestamp = a.Data.Since.Add(-time.Hour)
	if p := c.compose(a, "host-1", now); p.StartsAt.After(p.EndsAt) {
		t.Errorf("after the clock was set back: from %s to %s", p.StartsAt, p.EndsAt)
	}
	for i := 1; i < 5; i++ { // from one repetition to the next it never ends
		if end := c.compose(alerttest.Sample(), "h", now).EndsAt; !end.After(now.Add(c.Repeat())) {
			t.Errorf("ends at %s", end)
		}
		now = now.Add(c.Repeat())
	}
}

// member is one Alertmanager of a cluster.
type member struct {
	*httptest.Server
	status atomic.Int64
	after  atomic.Int64
	seen   atomic.Int64
}

func newMember(t testing.TB, status int) *member {
	m := &member{}
	m.status.Store(int64(status))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.seen.Add(1)
		if after := m.after.Load(); after > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(after))
		}
		w.WriteHeader(int(m.status.Load()))
	}))
	t.Cleanup(m.Close)
	return m
}

func TestOneMemberThatTakesItIsEnough(t *testing.T) {
	for _, c := range []struct {
		rule          string
		first, second int
		after         [2]int64
		err, refused  bool
		wait          time.Duration
		warns         bool
	}{
		{"both take it", 200, 200, [2]int64{}, false, false, 0, false},
		{"the first is down", 503, 200, [2]int64{}, false, false, 0, true},
		{"the second refuses it", 200, 400, [2]int64{}, false, false, 0, true},
		{"both are down: as soon as one of them is ready", 503, 503, [2]int64{90, 7}, true, false, 7 * time.Second, false},
		{"one is down, one refuses it: it may pass", 503, 400, [2]int64{}, true, false, 0, false},
		{"both refuse it", 400, 401, [2]int64{}, true, true, 0, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a, b := newMember(t, c.first), newMember(t, c.second)
			a.after.Store(c.after[0])
			b.after.Store(c.after[1])
			var log bytes.Buffer
			ch, err := open(t, slog.New(slog.NewTextHandler(&log, nil)), "urls: [%s, %s]", a.URL, b.URL)
			if err != nil {
				t.Fatal(err)
			}
			err = ch.Send(t.Context(), alerttest.Sample())
			later, waits := errors.AsType[*alerts.RetryError](err)
			if (err != nil) != c.err || errors.Is(err, alerts.ErrRefused) != c.refused || waits != (c.wait > 0) || waits && later.After != c.wait {
				t.Errorf("err %v", err)
			}
			if a.seen.Load() != 1 || b.seen.Load() != 1 {
				t.Errorf("told %d and %d times", a.seen.Load(), b.seen.Load())
			}
			if (log.Len() > 0) != c.warns {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

func TestAPasswordIsSentAndNotShown(t *testing.T) {
	var user, password string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ = req.BasicAuth()
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	c := mustOpen(t, "urls: [%s]\nusername: livekey\npassword_file: %s", srv.URL, file(t, token))
	err := c.Send(t.Context(), alerttest.Sample())
	if user != "livekey" || password != token {
		t.Errorf("logged in as %q", user)
	}
	if err == nil || strings.Contains(fmt.Sprintf("%+v %#v %v", err, err, c), token) {
		t.Errorf("err %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"an address is required", "{}", "urls: required"},
		{"it is one", "urls: [alertmanager]", "not a URL"},
		{"of the server, not of its API", "urls: [https://am.example/api/v2/alerts]", "more than the address"},
		{"a login needs encryption", "urls: [http://am.example:9093]\ntoken_file: /x", "unencrypted"},
		{"one login at a time", "urls: [https://am.example]\ntoken_file: /x\nusername: a\npassword_file: /x", "token_file: excludes"},
		{"a user has a password", "urls: [https://am.example]\nusername: a", "username: goes together"},
		{"a label of livekey's own is not overwritten", "urls: [https://am.example]\nlabels: {severity: none}", "labels: a name"},
		{"a label has a legal name", "urls: [https://am.example]\nlabels: {a-b: x}", "labels: a name"},
		{"a repetition has bounds", "urls: [https://am.example]\nrepeat: 10ms", "repeat: must be"},
		{"a timeout has bounds", "urls: [https://am.example]\ntimeout: 2m", "timeout: must be"},
	} {
		if _, err := open(t, nil, "%s", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.want)
		}
	}
	if c := mustOpen(t, "urls: ['http://am-0.am:9093', 'http://am-1.am:9093/prefix/']\nrepeat: 30s"); c.(alerts.Repeater).Repeat() != 30*time.Second {
		t.Error("another repetition than said")
	}
}
