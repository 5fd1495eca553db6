package kubernetessecret_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/kubernetessecret"
	"github.com/livekey/livekey/sinks/sinktest"
)

const canary = sinktest.Canary

// cluster is a fake API server with a Secret app.
type cluster struct {
	*fakekube.Server
	t   *testing.T
	url string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	s := fakekube.New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return cluster{s, t, h.URL}
}

// sink makes one of the Secret app, with further settings.
func (c cluster) sink(settings ...string) (sinks.Sink, error) {
	c.t.Helper()
	if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "namespace: ") }) {
		settings = append(settings, "namespace: prod")
	}
	n, err := config.Parse("test.yaml", "sinks.app", "{name: app, api: \""+c.url+"\", "+strings.Join(settings, ", ")+"}")
	if err != nil {
		c.t.Fatal(err)
	}
	return kubernetessecret.FromConfig(sinks.Env{Name: "app", Log: slog.New(slog.DiscardHandler)}, n)
}

// write delivers values; the error has none of them in it.
func (c cluster) write(values map[string]string, settings ...string) (changed bool, err error) {
	c.t.Helper()
	s, err := c.sink(settings...)
	if err != nil {
		c.t.Fatal(err)
	}
	changed, err = s.Write(c.t.Context(), sinktest.Entries(c.t, values))
	if err != nil && strings.Contains(err.Error(), canary) {
		c.t.Errorf("a value is in an error: %v", err)
	}
	return changed, err
}

// has expects these entries, and no other.
func (c cluster) has(want map[string]string) {
	c.t.Helper()
	o, _ := c.Get("app")
	if got := texts(o.Data); !maps.Equal(got, want) {
		c.t.Errorf("the Secret has %q, want %q", got, want)
	}
}

func texts(data map[string][]byte) map[string]string {
	all := map[string]string{}
	for k, v := range data {
		all[k] = string(v)
	}
	return all
}

func TestConformance(t *testing.T) {
	s := fakekube.New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	name := func(path string) string {
		sum := fnv.New64()
		_, _ = sum.Write([]byte(path))
		return fmt.Sprintf("s-%x", sum.Sum64())
	}
	sinktest.Run(t, sinktest.Harness{
		FromConfig: kubernetessecret.FromConfig,
		At: func(path string) string {
			return fmt.Sprintf("api: %s\nnamespace: prod\nname: %s\n", h.URL, name(path))
		},
		Placed: func(path string) string { return "kubernetes:prod/" + name(path) },
		See: func(path string) (map[string]string, error) {
			o, there := s.Get(name(path))
			if !there {
				return nil, errors.New("no such Secret")
			}
			return texts(o.Data), nil
		},
		Version: func(path string) string {
			o, _ := s.Get(name(path))
			return fmt.Sprint(o.UID, o.Version)
		},
		Carried: map[string]string{
			"a plain key": canary, "line feeds": canary + "\r\n\n", "no UTF-8": canary + "\xff\x00", "a long one": strings.Repeat("x", 900_000),
		},
		Refused: map[string]string{"more than a Secret": strings.Repeat(canary, 80_000)},
		Writes:  50,
	})
}

func TestOnlyLivekeysFieldsAreItsOwn(t *testing.T) {
	c := newCluster(t)
	c.Put("app", map[string][]byte{"THEIRS": []byte("1")}, "kubectl")
	c.Change("app", func(o *fakekube.Object) { o.Labels["team"] = "a" })
	if _, err := c.write(map[string]string{"A": canary, "B": canary}, "labels: {by: livekey}"); err != nil {
		t.Fatal(err)
	}
	c.has(map[string]string{"THEIRS": "1", "A": canary, "B": canary})
	if _, err := c.write(map[string]string{"B": canary + "2"}); err != nil {
		t.Fatal(err)
	}
	c.has(map[string]string{"THEIRS": "1", "B": canary + "2"})
	o, _ := c.Get("app")
	if o.Labels["team"] != "a" || o.Labels["by"] != "" || o.Annotations[kubernetessecret.Marker] != "B" {
		t.Errorf("labels %v, annotations %v", o.Labels, o.Annotations)
	}
	s, err := c.sink()
	if err != nil {
		t.Fatal(err)
	}
	content, err := s.(sinks.Reader).Read(t.Context())
	if err != nil || !content.Marked || len(content.Values) != 1 {
		t.Errorf("Read: marked %v, %d values, %v", content.Marked, len(content.Values), err)
	}
}

func TestWhatAnotherManagerWroteStays(t *testing.T) {
	c := newCluster(t)
	theirs := map[string]string{"A": canary + "-theirs", "OTHER": canary}
	c.Put("app", map[string][]byte{"A": []byte(theirs["A"]), "OTHER": []byte(theirs["OTHER"])}, "argocd")
	_, err := c.write(map[string]string{"A": canary, "B": canary})
	if !errors.Is(err, sinks.ErrForeign) || !strings.Contains(err.Error(), "A of argocd") || !strings.Contains(err.Error(), "adopt: true") {
		t.Errorf("%v: want ErrForeign that names the field, its manager and the way out", err)
	}
	c.has(theirs) // B was not written either
	if changed, err := c.write(map[string]string{"A": canary, "B": canary}, "adopt: true"); err != nil || !changed {
		t.Fatal(changed, err)
	}
	c.has(map[string]string{"A": canary, "B": canary, "OTHER": canary})
}

func TestDriftIsSeenAndTakenBackByAdoptAlone(t *testing.T) {
	c := newCluster(t)
	if _, err := c.write(map[string]string{"A": canary}); err != nil {
		t.Fatal(err)
	}
	c.Put("app", map[string][]byte{"A": []byte("edited")}, "kubectl-edit")
	s, err := c.sink()
	if err != nil {
		t.Fatal(err)
	}
	content, err := s.(sinks.Reader).Read(t.Context())
	if err != nil || !content.Marked || string(content.Values["A"].Reveal()) != "edited" {
		t.Errorf("Read: marked %v, %v", content.Marked, err)
	}
	if _, err := c.write(map[string]string{"A": canary}); !errors.Is(err, sinks.ErrForeign) {
		t.Errorf("%v", err)
	}
	c.has(map[string]string{"A": "edited"})
	if _, err := c.write(map[string]string{"A": canary}, "adopt: true"); err != nil {
		t.Fatal(err)
	}
	c.has(map[string]string{"A": canary})
}

func TestWhatCannotBeWrittenSaysWhy(t *testing.T) {
	values := map[string]string{"A": canary, "B": canary}
	for rule, arrange := range map[string]struct {
		arrange  func(c cluster)
		settings []string
		values   map[string]string
		want     string
		probe    bool // Probe says it too
	}{
		"an immutable Secret": {func(c cluster) {
			c.Put("app", map[string][]byte{"A": []byte("x")}, "kubectl")
			c.Change("app", func(o *fakekube.Object) { o.Immutable = true })
		}, nil, values, "is immutable: delete it", false},
		"another type":      {func(c cluster) { c.Put("app", nil, "kubectl") }, []string{"type: example.com/keys"}, values, "keeps its type", true},
		"no rule to read":   {func(c cluster) { c.Forbid("get", true) }, nil, values, "verbs: [get]", true},
		"no rule to write":  {func(c cluster) { c.Forbid("patch", true) }, nil, values, "verbs: [patch", true},
		"no such namespace": {func(cluster) {}, []string{"namespace: none"}, values, "make the namespace first", true},
		"no token":          {func(c cluster) { c.Require("t") }, nil, values, "not logged in", true},
		"more than 1 MiB":   {func(cluster) {}, nil, map[string]string{"A": strings.Repeat("x", 600_000), "B": strings.Repeat("x", 600_000)}, "use two sinks", false},
	} {
		t.Run(rule, func(t *testing.T) {
			c := newCluster(t)
			arrange.arrange(c)
			before, _ := c.Get("app")
			if _, err := c.write(arrange.values, arrange.settings...); err == nil || !strings.Contains(err.Error(), arrange.want) {
				t.Errorf("Write: %v, want %q", err, arrange.want)
			}
			if after, _ := c.Get("app"); after.Version != before.Version {
				t.Error("something was written")
			}
			s, err := c.sink(arrange.settings...)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Probe(t.Context()); arrange.probe && (err == nil || !strings.Contains(err.Error(), arrange.want)) {
				t.Errorf("Probe: %v, want %q", err, arrange.want)
			}
		})
	}
}

// What was read counts, whatever became of the answer.
func TestAnAnswerThatDidNotComeIsNoFault(t *testing.T) {
	c := newCluster(t)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPatch {
			c.ServeHTTP(w, r)
			return
		}
		c.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}))
	defer h.Close()
	c.url = h.URL
	if changed, err := c.write(map[string]string{"A": canary}); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	c.has(map[string]string{"A": canary})
}

// A controller that puts its own value back at once must not pass for a delivery.
func TestOtherValuesThanWereWrittenAreAFault(t *testing.T) {
	c := newCluster(t)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(w, r)
		if r.Method == http.MethodPatch {
			c.Put("app", map[string][]byte{"A": []byte("theirs")}, "controller")
		}
	}))
	defer h.Close()
	c.url = h.URL
	if _, err := c.write(map[string]string{"A": canary}); err == nil || !strings.Contains(err.Error(), "other values") {
		t.Errorf("%v", err)
	}
}

func TestARefusedWriteKeepsItsKind(t *testing.T) {
	c := newCluster(t)
	c.Forbid("patch", true)
	if _, err := c.write(map[string]string{"A": canary}); !errors.Is(err, kube.ErrForbidden) {
		t.Errorf("%v", err)
	}
}

func TestBadSettings(t *testing.T) {
	c := newCluster(t)
	for settings, want := range map[string]string{
		"annotations: {livekey.dev/variables: A}": "livekey's own",
		"token: x":        "unknown field",
		"kubeconfig: /k":  "choose one",
		"namespace: Prod": "no namespace",
		"context: c":      "choose one",
		"type: [a]":       "single value",
	} {
		if _, err := c.sink(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
