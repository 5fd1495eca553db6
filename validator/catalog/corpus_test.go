package catalog

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
)

// corpus is what one issuer answers, and what each answer means: testdata/answers
// has a file for each issuer whose rules are not tried in Go.
type corpus struct {
	Value   string `yaml:"value"` // template of a credential of the usual kind
	Asks    string `yaml:"asks"`  // the call, as "GET https://…"
	Carries place  `yaml:"carries"`
	Answers []said `yaml:"answers"`
}

// place is where a call has the credential: in a header, after a text.
type place struct {
	Header string `yaml:"header"`
	After  string `yaml:"after"`
}

// said is one answer. What it leaves out of the call is the corpus's.
type said struct {
	Name    string            `yaml:"name"`
	Value   string            `yaml:"value"`
	Asks    string            `yaml:"asks"`
	Carries place             `yaml:"carries"`
	Status  int               `yaml:"status"` // 0: the value must not be sent
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`

	Want       string            `yaml:"want"` // "live/valid", "live/blocked no_credit", …
	Identity   map[string]string `yaml:"identity"`
	Expires    string            `yaml:"expires"` // RFC 3339
	RetryAfter time.Duration     `yaml:"retry_after"`
}

// corpora are the files of testdata/answers by provider.
func corpora(t testing.TB) map[string]corpus {
	t.Helper()
	paths, err := filepath.Glob("testdata/answers/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no answers: %v", err)
	}
	all := map[string]corpus{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		node, err := config.Parse(path, "", string(text))
		if err != nil {
			t.Fatal(err)
		}
		var c corpus
		if err := node.Decode(&c); err != nil {
			t.Fatal(err)
		}
		for i := range c.Answers {
			a := &c.Answers[i]
			a.Value, a.Asks, a.Carries = cmp.Or(a.Value, c.Value), cmp.Or(a.Asks, c.Asks), cmp.Or(a.Carries, c.Carries)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = c
	}
	return all
}

// first is the first answer with this meaning to a credential of the usual kind.
func (c *corpus) first(t testing.TB, outcome string) said {
	t.Helper()
	i := slices.IndexFunc(c.Answers, func(s said) bool {
		return s.Value == c.Value && s.Status != 0 && strings.HasPrefix(s.Want, outcome)
	})
	if i < 0 {
		t.Fatalf("no answer is %s", outcome)
	}
	return c.Answers[i]
}

// madeUp is a credential of the kind that the answer is about.
func (s *said) madeUp(t testing.TB) string {
	t.Helper()
	tmpl, err := parseTemplate(s.Value)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl.madeUp()
}

func (s *said) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range s.Headers {
		h.Set(name, value)
	}
	return h
}

func (s *said) answer() *answer { return newAnswer(s.Status, s.header(), []byte(s.Body)) }

// ServeHTTP answers so, whatever is asked.
func (s *said) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	maps.Copy(w.Header(), s.header())
	w.WriteHeader(s.Status)
	_, _ = io.WriteString(w, s.Body)
}

// sent is the credential that a request carries, in whatever place some kind has it.
func (c *corpus) sent(r *http.Request) string {
	for _, s := range c.Answers {
		if v := r.Header.Get(s.Carries.Header); v != "" {
			return strings.TrimPrefix(v, s.Carries.After)
		}
	}
	return ""
}

// road is an http.RoundTripper that answers without a network, and keeps what it was asked.
type road struct {
	said  *said
	asked []*http.Request
}

func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, req)
	return &http.Response{
		StatusCode: r.said.Status, Header: r.said.header(), Request: req,
		Body: io.NopCloser(bytes.NewReader([]byte(r.said.Body))),
	}, nil
}
