package kubernetesevents

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
)

// world is an API server with a Secret that ANTHROPIC_API_KEY comes from.
type world struct {
	*fakekube.Server

	address string
	seen    int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	t.Setenv("POD_NAME", "livekey-0")
	t.Setenv("POD_NAMESPACE", fakekube.Namespace)
	s := fakekube.New()
	s.Put("llm", map[string][]byte{"A": []byte("x")}, "kubectl")
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &world{s, h.Listener.Addr().String(), 0}
}

func open(t testing.TB, address string) alerts.Channel {
	t.Helper()
	node, err := config.Parse("test.yaml", "alerts.k", "api: http://"+address+"\nnamespace: prod")
	if err != nil {
		t.Fatal(err)
	}
	env := alerts.Env{Name: "k", Log: slog.New(slog.DiscardHandler), HTTP: &httpclient.Factory{}, Places: func(kind string) map[key.Name][]string {
		if kind != "kubernetes" {
			t.Errorf("it asks for %s", kind)
		}
		return map[key.Name][]string{"ANTHROPIC_API_KEY": {"prod/llm"}, "NEAR": {"llm"}, "TWO": {"prod/llm", "prod/other"}}
	}}
	c, err := FromConfig(env, node)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) events() (all []event) {
	for _, o := range w.Written("events")[w.seen:] {
		w.seen++
		text, _ := json.Marshal(o)
		var e event
		_ = json.Unmarshal(text, &e)
		all = append(all, e)
	}
	return all
}

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t testing.TB) alerttest.Harness {
		w := newWorld(t)
		return alerttest.Harness{
			Open: func(t testing.TB) alerts.Channel { return open(t, w.address) },
			Received: func(testing.TB) (all []alerttest.Message) {
				for _, e := range w.events() {
					if len(e.Message) > maxMessage {
						t.Errorf("a message of %d bytes", len(e.Message))
					}
					all = append(all, alerttest.Message{Text: e.Message})
				}
				return all
			},
			Fault: func(testing.TB) func() {
				w.Forbid("create", true)
				return func() { w.Forbid("create", false) }
			},
			Address: w.address,
			OpenAt:  open,
		}
	})
}

func send(t *testing.T, w *world, c alerts.Channel, a alerts.Alert) event {
	t.Helper()
	if err := c.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	got := w.events()
	if len(got) != 1 {
		t.Fatalf("%d Events of one alert", len(got))
	}
	return got[0]
}

func TestAnAlertIsOneEventThatCounts(t *testing.T) {
	w := newWorld(t)
	c := open(t, w.address)
	a := alerttest.Sample()
	first := send(t, w, c, a)
	secret, _ := w.Get("llm")
	if first.Type != "Warning" || first.Reason != "KeyDead" || first.Count != 1 || first.Source.Component != "livekey" ||
		first.Involved != (involved{"v1", "Secret", "prod", "llm", secret.UID}) {
		t.Errorf("%+v", first)
	}
	if again := send(t, w, open(t, w.address), a); again.Count != 1 || again.Metadata.Name != first.Metadata.Name {
		t.Errorf("the same, sent again after a restart: %+v", again)
	}
	later := a
	later.Type, later.Timestamp = alerts.Updated, a.Timestamp.Add(time.Hour)
	if next := send(t, w, c, later); next.Count != 2 || next.First != first.First || next.Last == first.Last || next.Metadata.Name != first.Metadata.Name {
		t.Errorf("told again: %+v", next)
	}
	later.Type = alerts.Resolved
	if end := send(t, w, c, later); end.Type != "Normal" || end.Reason != "KeyDeadResolved" || end.Count != 1 || end.Metadata.Name == first.Metadata.Name {
		t.Errorf("the end: %+v", end)
	}
	info := a
	info.Data.Severity = alerts.Info
	info.Data.ID = "al_2"
	if e := send(t, w, c, info); e.Type != "Normal" {
		t.Errorf("good to know: %+v", e)
	}
}

func TestAnEventIsOnEachSecretOfItsKeyElseOnThePod(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[key.Name]string{"NEAR": "Secret prod/llm", "TWO": "Secret prod/llm, Secret prod/other", "": "Pod prod/livekey-0", "FILE": "Pod prod/livekey-0"} {
		a := alerttest.Sample()
		a.Data.ID, a.Data.Key = "al_"+string(name), name
		if err := open(t, w.address).Send(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range w.events() {
			got = append(got, e.Involved.Kind+" "+e.Involved.Namespace+"/"+e.Involved.Name)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: on %v, want %s", name, got, want)
		}
	}
	t.Setenv("POD_NAME", "")
	a := alerttest.Sample()
	a.Data.Key = ""
	if err := open(t, w.address).Send(t.Context(), a); err != nil || len(w.events()) > 0 {
		t.Errorf("without a pod: %v", err)
	}
}

func TestWithoutTheRightItSaysWhichRule(t *testing.T) {
	w := newWorld(t)
	w.Forbid("create", true)
	err := open(t, w.address).Send(t.Context(), alerttest.Sample())
	if !errors.Is(err, kube.ErrForbidden) || !strings.Contains(err.Error(), "resources: [events], verbs: [create]") {
		t.Errorf("%v", err)
	}
}
