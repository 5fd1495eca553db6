package catalog

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// corpus is what one issuer answers, and what each answer means: testdata/answers
// has a file for each issuer whose rules are not tried in Go.
type corpus struct {
	Value   string            `yaml:"value"` // template of a credential of the usual kind: its first part
	Parts   map[string]string `yaml:"parts"` // templates of the others
	With    map[string]string `yaml:"with"`  // parameters
	BaseURL string            `yaml:"base_url"`
	Asks    string            `yaml:"asks"`  // the call, as "GET https://…"; {{value}}, or another part, stands where it is sent
	Sends   string            `yaml:"sends"` // the body of the call, likewise
	Carries place             `yaml:"carries"`
	Answers []said            `yaml:"answers"`
}

// said is one answer. What it leaves out of the call is the corpus's.
type said struct {
	Name    string            `yaml:"name"`
	Value   string            `yaml:"value"`
	Parts   map[string]string `yaml:"parts"`
	With    map[string]string `yaml:"with"`
	BaseURL string            `yaml:"base_url"`
	Asks    string            `yaml:"asks"`
	Sends   string            `yaml:"sends"` // the body of the call
	Carries place             `yaml:"carries"`
	Facts   map[string]any    `yaml:"facts"`   // what code decodes of the value; without, the code itself does
	Unasked bool              `yaml:"unasked"` // the config does not say opt_in: true
	Status  int               `yaml:"status"`  // without it and a body, the value must not be sent
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`

	Want       string            `yaml:"want"` // "live/valid", "live/blocked no_credit", …
	Identity   map[string]string `yaml:"identity"`
	Expires    string            `yaml:"expires"` // RFC 3339
	Limits     string            `yaml:"limits"`  // "59 of 60", "" if it does not matter
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
			a.Value, a.BaseURL = cmp.Or(a.Value, c.Value), cmp.Or(a.BaseURL, c.BaseURL)
			a.Asks, a.Sends = cmp.Or(a.Asks, c.Asks), cmp.Or(a.Sends, c.Sends)
			if a.Carries.empty() {
				a.Carries = c.Carries
			}
			if a.Parts == nil {
				a.Parts = c.Parts
			}
			if a.With == nil {
				a.With = c.With
			}
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = c
	}
	return all
}

// first is the first answer with this meaning to a credential of the usual kind, nil
// if there is none.
func (c *corpus) first(outcome string) *said {
	for i := range c.Answers {
		if s := &c.Answers[i]; s.Value == c.Value && s.asked() && strings.HasPrefix(s.Want, outcome) {
			return s
		}
	}
	return nil
}

// madeUp is a credential of the kind that the answer is about: its parts by name.
func (s *said) madeUp(t testing.TB, p *Provider) map[key.Part]string {
	t.Helper()
	made := map[key.Part]string{}
	texts := maps.Clone(s.Parts)
	if texts == nil {
		texts = map[string]string{}
	}
	texts[string(firstOf(p))] = s.Value
	for name, text := range texts {
		tmpl, err := parseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		made[key.Part(name)] = tmpl.madeUp()
	}
	return made
}

// firstOf is the part by which kinds of credential are told apart.
func firstOf(p *Provider) key.Part { return key.Part(p.file.parts()[0]) }

// class is the kind of credential that the answer is about.
func (s *said) class(t testing.TB, p *Provider) *class {
	t.Helper()
	return p.class(secret.New([]byte(s.madeUp(t, p)[firstOf(p)])), s.With)
}

func (s *said) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range s.Headers {
		h.Set(name, value)
	}
	return h
}

func (s *said) answer() *answer {
	a := newAnswer(s.Status, s.header(), []byte(s.Body))
	a.facts = s.facts()
	return a
}

// facts are what code decodes of the value, without which nothing is known.
func (s *said) facts() any {
	if s.Facts == nil {
		return nil
	}
	return s.Facts
}

// ServeHTTP answers so, whatever is asked.
func (s *said) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	maps.Copy(w.Header(), s.header())
	w.WriteHeader(s.Status)
	_, _ = io.WriteString(w, s.Body)
}

// sent is the credential that a request carries, in whatever place some kind has it.
func (c *corpus) sent(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	for _, s := range c.Answers {
		if v := s.Carries.read(r, body); v != "" {
			return v
		}
	}
	return ""
}

// asked says whether the answer is one: the others are of values that nobody is asked about.
func (s *said) asked() bool { return s.Status != 0 || s.Body != "" }

// settings are those of a checker whose calls go over a road.
func (s *said) settings(p *Provider, over http.RoundTripper) Settings {
	all := settings(p, Settings{
		BaseURL: s.BaseURL, With: s.With, Client: &http.Client{Transport: over},
		Speakers: map[string]validator.Speaker{p.file.Speak: replies{s.Body}},
	})
	all.OptIn = !s.Unasked
	if s.Facts != nil {
		all.Decoders[p.file.Decode] = func(validator.Coded) (map[string]any, error) { return s.Facts, nil }
	}
	return all
}

// settings adds what every test needs: consent, and code by the names that the file has
// for it.
func settings(p *Provider, s Settings) Settings {
	s.OptIn = true
	s.Signers, s.Decoders = map[string]validator.Signer{}, maps.Clone(decoders)
	if s.Decoders[p.file.Decode] == nil {
		s.Decoders[p.file.Decode] = func(validator.Coded) (map[string]any, error) { return map[string]any{}, nil }
	}
	for _, c := range p.classes {
		if c.request != nil && c.request.sign != nil {
			s.Signers[c.request.sign.by] = func(r *http.Request, told validator.Signing) error {
				r.Header.Set("Authorization", "signed with "+told.Part(string(firstOf(p))))
				return nil
			}
		}
	}
	return s
}

// decoders are the real ones, for files whose answers depend on what they read.
var decoders = map[string]validator.Decoder{}

// replies is a validator.Speaker that hears this JSON from its issuer.
type replies struct{ json string }

func (r replies) Lint(map[string]string) error     { return nil }
func (r replies) Hosts(map[string]string) []string { return []string{"tcp://issuer.example:1"} }
func (r replies) Speak(context.Context, validator.Coded) (map[string]any, error) {
	reply, _ := newAnswer(0, nil, []byte(r.json)).json.(map[string]any)
	if reply == nil {
		return nil, errors.New("the connection broke")
	}
	return reply, nil
}

// road is an http.RoundTripper that answers without a network, and keeps what it was asked.
type road struct {
	said  *said
	asked []*http.Request
	sent  [][]byte // the bodies
}

func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.asked, r.sent = append(r.asked, req), append(r.sent, body)
	return &http.Response{
		StatusCode: r.said.Status, Header: r.said.header(), Request: req,
		Body: io.NopCloser(strings.NewReader(r.said.Body)),
	}, nil
}
