package catalog

import (
	"cmp"
	"maps"
	"net/http"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

// corpus is a file of recorded answers: what one issuer says, and what each answer means.
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

// readCorpus reads a file of recorded answers: every fault at once, each in its place.
func readCorpus(name, text string) (*corpus, error) {
	node, err := config.Parse(name, "", text)
	if err != nil {
		return nil, err
	}
	var c corpus
	if err := node.Decode(&c); err != nil {
		return nil, err
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
	return &c, nil
}

// credential is one of the kind that the answer is about, made up: its parts by name.
func (s *said) credential(p *Provider) (map[key.Part]string, error) {
	made := map[key.Part]string{}
	texts := maps.Clone(s.Parts)
	if texts == nil {
		texts = map[string]string{}
	}
	texts[string(firstOf(p))] = s.Value
	for name, text := range texts {
		tmpl, err := parseTemplate(text)
		if err != nil {
			return nil, err
		}
		made[key.Part(name)] = tmpl.madeUp()
	}
	return made, nil
}

// firstOf is the part by which kinds of credential are told apart.
func firstOf(p *Provider) key.Part { return key.Part(p.file.parts()[0]) }

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

// asked says whether the answer is one: the others are of values that nobody is asked about.
func (s *said) asked() bool { return s.Status != 0 || s.Body != "" }
