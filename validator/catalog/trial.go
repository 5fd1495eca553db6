package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// Trial is what came of trying a provider's file on recorded answers.
type Trial struct {
	Provider string        `json:"provider"`
	Answers  []TriedAnswer `json:"answers"`
	Untried  []string      `json:"untried,omitempty"` // rules that no answer is about
}

// TriedAnswer is one recorded answer, and in what livekey differs from what its file says.
type TriedAnswer struct {
	Name   string   `json:"name"`
	Got    string   `json:"got"` // "live/valid", "live/blocked no_credit", …
	Faults []string `json:"faults,omitempty"`
}

// Good says whether every answer means what its file says, and every rule was tried.
func (t Trial) Good() bool {
	return len(t.Untried) == 0 && !slices.ContainsFunc(t.Answers, func(a TriedAnswer) bool { return len(a.Faults) > 0 })
}

// Try judges the recorded answers of a file with p. Nobody is asked: what would be sent
// carries a made-up credential, goes to no network, and is compared with what the file says.
// code has what the provider's file names, and a client, as in Settings.
func (p *Provider) Try(ctx context.Context, name string, text []byte, code Settings) (Trial, error) {
	c, err := readCorpus(name, string(text))
	if err != nil {
		return Trial{}, err
	}
	t := Trial{Provider: p.ID()}
	seen := map[string]bool{}
	for i := range c.Answers {
		s := &c.Answers[i]
		tried, rule, err := p.try(ctx, s, code)
		if err != nil {
			return Trial{}, fmt.Errorf("%s: answer %q: %w", name, s.Name, err)
		}
		if rule != nil {
			seen[rule.about()] = true
		}
		t.Answers = append(t.Answers, tried)
	}
	t.Untried = p.untried(seen)
	return t, nil
}

// try asks a checker of p whose issuer answers s. The rule is the one that is about the
// answer, nil if none is.
func (p *Provider) try(ctx context.Context, s *said, code Settings) (TriedAnswer, *rule, error) {
	r := &road{said: s}
	c, err := p.Checker(s.settings(p, r, code))
	if err != nil {
		return TriedAnswer{}, nil, err
	}
	parts, err := s.credential(p)
	if err != nil {
		return TriedAnswer{}, nil, err
	}
	m := proof.Material{Parts: map[key.Part]secret.Value{}}
	for part, text := range parts {
		m.Parts[part] = secret.New([]byte(text))
	}
	v := c.Check(ctx, m)
	tried := TriedAnswer{Name: s.Name, Got: told(v)}
	tried.Faults = append(s.differs(v), s.differsFrom(r, p, parts)...)
	class := p.class(m.Parts[firstOf(p)], s.With)
	if s.asked() {
		return tried, class.match(s.answer()), nil
	}
	for i := range p.file.Before {
		if b := &p.file.Before[i]; b.matches(&answer{facts: s.facts()}) {
			return tried, b, nil
		}
	}
	if p.file.Decode == "" && !s.Unasked && (class.never == nil || class.prefix == "" && p.file.ProbePolicy != never) {
		tried.Faults = append(tried.Faults, "no status: say what the issuer answers to a "+class.name+", which is sent")
	}
	return tried, nil, nil
}

// told is a verdict as recorded answers write it.
func told(v key.Verdict) string {
	text := v.Outcome.String() + "/" + string(v.Reason)
	if v.Which != "" {
		text += " " + v.Which
	}
	return text
}

// differs is in what a verdict is not what the answer means.
func (s *said) differs(v key.Verdict) (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if got := told(v); got != s.Want {
		add("is %s, wanted %s: %s", got, s.Want, v.Detail)
	}
	if !maps.Equal(v.Identity, key.Identity(s.Identity)) {
		add("identity %v, wanted %v", v.Identity, s.Identity)
	}
	if v.RetryAfter != s.RetryAfter {
		add("retry after %s, wanted %s", v.RetryAfter, s.RetryAfter)
	}
	if v.Detail == "" || v.HTTPStatus != s.Status {
		add("detail %q, status %d", v.Detail, v.HTTPStatus)
	}
	if l := v.Limits; s.Limits != "" && (l == nil || fmt.Sprintf("%d of %d", l.Remaining, l.Limit) != s.Limits) {
		add("limits %+v, wanted %q", l, s.Limits)
	}
	got := ""
	if !v.ExpiresAt.IsZero() {
		got = v.ExpiresAt.Format(time.RFC3339)
	}
	if got != s.Expires {
		add("expires %q, wanted %q", got, s.Expires)
	}
	return faults
}

// differsFrom is in what the call that was made is not the one that the answer is to.
func (s *said) differsFrom(r *road, p *Provider, parts map[key.Part]string) (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.Status == 0 { // nothing is asked, or not over HTTP
		if len(r.asked) != 0 {
			add("it was sent, and the answer has no status")
		}
		return faults
	}
	if len(r.asked) != 1 {
		add("%d calls", len(r.asked))
		return faults
	}
	asked, body := r.asked[0], r.sent[0]
	if line, want := asked.Method+" "+asked.URL.String(), filledURL(s.Asks, parts); want != "" && line != want {
		add("asked %s, wanted %s", line, want)
	}
	escape := url.QueryEscape
	if strings.HasPrefix(s.Sends, "{") {
		escape = func(value string) string { return value }
	}
	if want := filled(s.Sends, parts, escape); want != "" && string(body) != want {
		add("sent %d bytes in the body, which are not what sends says", len(body))
	}
	places := map[string]int{}
	for _, place := range s.Carries.all() {
		part := cmp.Or(place.Part, string(firstOf(p)))
		places[part]++
		if got := place.read(asked, body); got != parts[key.Part(part)] {
			add("%+v does not carry the part %s", place, part)
		}
	}
	all := everything(asked, body)
	for part, times := range places {
		if n := strings.Count(all, parts[key.Part(part)]); n != times {
			add("the part %s is in %d places, wanted %d", part, n, times)
		}
	}
	return faults
}

// about is what a rule asks for: rules of several classes that ask for the same are one.
func (r *rule) about() string { return fmt.Sprint(r.Status, r.condition, r.And, r.BodyContains) }

// untried are the rules that no answer was about, in words.
func (p *Provider) untried(seen map[string]bool) (all []string) {
	add := func(r *rule, of string) {
		if about := r.about(); !seen[about] {
			seen[about] = true
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s: status %d, %s/%s %s", of, r.Status, r.Outcome, r.Reason, r.Detail)))
		}
	}
	for _, class := range p.classes {
		for i := range class.rules {
			add(&class.rules[i], class.name)
		}
	}
	for i := range p.file.Before {
		add(&p.file.Before[i], "facts")
	}
	return all
}

// settings are those of a checker whose calls go over a road.
func (s *said) settings(p *Provider, over http.RoundTripper, code Settings) Settings {
	client := *code.Client
	client.Transport = over
	all := settings(p, Settings{
		BaseURL: s.BaseURL, With: s.With, Client: &client, Decoders: code.Decoders,
		Speakers: map[string]validator.Speaker{p.file.Speak: replies{s.Body}},
	})
	all.OptIn = !s.Unasked
	if s.Facts != nil {
		all.Decoders[p.file.Decode] = func(validator.Coded) (map[string]any, error) { return s.Facts, nil }
	}
	return all
}

// settings adds what every trial needs: consent, and stand-ins for code that signs, or that
// nobody gave.
func settings(p *Provider, s Settings) Settings {
	s.OptIn = true
	s.Signers, s.Decoders = map[string]validator.Signer{}, maps.Clone(s.Decoders)
	if s.Decoders == nil {
		s.Decoders = map[string]validator.Decoder{}
	}
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
