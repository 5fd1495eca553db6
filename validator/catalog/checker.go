package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// Settings are what a key's config says about its provider.
type Settings struct {
	BaseURL string                      // where the live call goes, "" for the provider's own address
	With    map[string]string           // parameters
	Client  *http.Client                // of internal/httpclient
	Signers map[string]validator.Signer // code that files may name
	// NameIssuer adds who the issuer is to the identity of a live key, and pins it:
	// for keys of which the config does not say it.
	NameIssuer bool
}

// Checker returns what asks this provider. It also is a validator.Controller,
// Hoster, Identifier, Pinner and Explainer. It does no I/O. The error joins every
// fault of the settings, each led by its field.
func (p *Provider) Checker(s Settings) (validator.Checker, error) {
	if s.Client == nil {
		return nil, errors.New("check with provider " + p.ID() + ": no HTTP client")
	}
	params, err := p.params(s.With)
	if err != nil {
		return nil, err
	}
	c := &checker{provider: p, params: params, signers: s.Signers, nameIssuer: s.NameIssuer}
	if p.file.ProbePolicy == never {
		return c, nil
	}
	if err := p.file.signers(s.Signers); err != nil {
		return nil, err
	}
	if c.base, err = p.file.base(s.BaseURL, params); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.base)
	if err != nil {
		return nil, errors.New("base_url: not a URL") // err quotes it
	}
	c.host, c.origin = u.Host, u.Scheme+"://"+u.Host
	client := *s.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	c.client = &client
	return c, nil
}

// params fills the parameters: what the config says, else the default.
func (p *Provider) params(with map[string]string) (map[string]string, error) {
	var faults []error
	filled := map[string]string{}
	for name := range with {
		if _, ok := p.file.Params[name]; !ok {
			known := strings.Join(slices.Sorted(maps.Keys(p.file.Params)), ", ")
			faults = append(faults, fmt.Errorf("with.%s: provider %s has no such parameter; it has: %s", config.Shown(name), p.ID(), known))
		}
	}
	for name, param := range p.file.Params {
		v, given := with[name]
		if !given {
			v = param.Default
		}
		switch {
		case v == "" && param.Required:
			faults = append(faults, fmt.Errorf("with.%s: provider %s needs it: %s", name, p.ID(), param.Help))
		case !sendable(v):
			faults = append(faults, fmt.Errorf("with.%s: has a line break, a control character, or a blank at its beginning or end", name))
		}
		filled[name] = v
	}
	return filled, errors.Join(faults...)
}

type checker struct {
	provider *Provider
	params   map[string]string
	signers  map[string]validator.Signer
	base     string // https://host[:port][/path], no slash at its end
	origin   string // https://host[:port]
	host     string
	client   *http.Client

	nameIssuer bool
}

// Check asks the issuer. A rejection without the issuer's mark is unknown.
func (c *checker) Check(ctx context.Context, m proof.Material) key.Verdict {
	return c.Explain(ctx, m).Settle()
}

// Control asks with a made-up credential.
func (c *checker) Control(ctx context.Context) key.Verdict {
	a := c.ExplainControl(ctx, proof.Material{})
	if a.Verdict.Rejected() && !a.Marked {
		return key.Verdict{Reason: key.Intercepted, Detail: "a made-up credential got an answer that is not the issuer's", HTTPStatus: a.Verdict.HTTPStatus}
	}
	return a.Verdict
}

// Hosts is where the value goes.
func (c *checker) Hosts() []string {
	if c.client == nil {
		return nil
	}
	return []string{c.origin}
}

// ID is the provider, its address and parameters.
func (c *checker) ID() string {
	id := []string{c.provider.ID(), c.base}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		id = append(id, name+"="+strconv.Quote(c.params[name]))
	}
	if c.nameIssuer {
		id = append(id, issuerField)
	}
	return strings.Join(id, " ")
}

// issuerField is the identity field of Settings.NameIssuer.
const issuerField = "issuer"

// Pins are the identity fields that tell one owner from another.
func (c *checker) Pins() []string {
	if !c.nameIssuer {
		return c.provider.Pins()
	}
	return append(c.provider.Pins(), issuerField)
}

// NeedsShape says whether some rejection is known by its status alone.
func (c *checker) NeedsShape() bool {
	for _, class := range c.provider.classes {
		for i := range class.rules {
			if r := &class.rules[i]; r.Outcome == key.Dead && !r.namesBody() {
				return true
			}
		}
	}
	return false
}

// Explain makes the live call.
func (c *checker) Explain(ctx context.Context, m proof.Material) validator.Answer {
	class := c.classOf(m)
	a := c.explain(ctx, class, m)
	a.Verdict.Fingerprint = m.Fingerprint
	return a
}

func (c *checker) explain(ctx context.Context, class *class, m proof.Material) validator.Answer {
	if class.never != nil {
		return validator.Answer{Verdict: *class.never}
	}
	for _, part := range class.requires {
		if _, there := m.Parts[key.Part(part)]; !there {
			return validator.Answer{Verdict: unknown(key.Misconfigured, "a "+class.name+" is used together with its "+part+
				", and this key has none: add the part "+part+" to env:, and to what from: names")}
		}
	}
	got, v := c.send(ctx, class, func(p key.Part) []byte { return m.Parts[p].Reveal() })
	if got == nil {
		return validator.Answer{Verdict: v}
	}
	a := class.judge(got, time.Now())
	v = a.Verdict
	v.RequestID = c.provider.clean(got.requestID(), m)
	switch {
	case v.Outcome == key.Live:
		v.Identity = class.identify(got, m)
		if c.nameIssuer {
			if v.Identity == nil {
				v.Identity = key.Identity{}
			}
			v.Identity[issuerField] = c.provider.ID()
		}
		v.ExpiresAt = c.provider.expiresAt(got)
	case v.Outcome == key.Dead && class.misshapen(c.first(m)):
		v.Detail += "; it also does not have the shape of a key of this kind, as one cut off or mistyped"
	}
	a.Verdict = v
	return a
}

// ExplainControl makes the call with a made-up credential of the class of m.
func (c *checker) ExplainControl(ctx context.Context, m proof.Material) validator.Answer {
	class := c.classOf(m)
	if class.never != nil {
		return validator.Answer{Verdict: *class.never}
	}
	other := template{{name: "random 40"}}
	got, v := c.send(ctx, class, func(p key.Part) []byte {
		switch f := c.provider.file; {
		case string(p) == f.parts()[0]:
			return []byte(class.control.madeUp())
		case slices.Contains(f.Optional, string(p)) && !slices.Contains(class.requires, string(p)):
			return nil
		}
		return []byte(other.madeUp())
	})
	if got == nil {
		return validator.Answer{Verdict: v}
	}
	return class.judgeControl(got, time.Now())
}

// send makes exactly one request. Without an answer, the verdict says why.
func (c *checker) send(ctx context.Context, class *class, values func(key.Part) []byte) (*answer, key.Verdict) {
	req, err := class.request.build(ctx, c.base, c.params, c.signers, values)
	if err != nil {
		return nil, unknown(key.Misconfigured, err.Error())
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, unreached(err, c.host)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := readAnswer(resp)
	if err != nil {
		return nil, unread(err, c.host)
	}
	return got, key.Verdict{}
}

func (c *checker) classOf(m proof.Material) *class {
	return c.provider.class(c.first(m))
}

func (c *checker) first(m proof.Material) secret.Value {
	return m.Parts[key.Part(c.provider.file.parts()[0])]
}

// identify reads who the key belongs to from a live answer.
func (cl *class) identify(a *answer, m proof.Material) key.Identity {
	var id key.Identity
	for name, f := range cl.identity {
		if s := cl.provider.clean(f.read(a.header, a.json), m); s != "" {
			if id == nil {
				id = key.Identity{}
			}
			id[name] = s
		}
	}
	return id
}

// clean returns what an issuer says about a key if it is fit to be shown: one
// short printable word or name that has no piece of the key inside.
func (p *Provider) clean(s string, m proof.Material) string {
	const longest = 128
	if len(s) > longest || !sendable(s) || !shown(s) {
		return ""
	}
	for _, v := range m.Parts {
		if p.echoes([]byte(s), v.Reveal()) {
			return ""
		}
	}
	return s
}

// shown says whether a terminal, a table or a chat shows s as it is.
func shown(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// echoed is how many bytes of a value in a row an issuer may not hand back.
const echoed = 8

// echoes says whether text has the value inside, or a run of it beyond the prefix
// that every key of its class has.
func (p *Provider) echoes(text, value []byte) bool {
	if len(value) == 0 {
		return false
	}
	public := 0
	for _, prefix := range p.prefixes() {
		if len(prefix) > public && bytes.HasPrefix(value, []byte(prefix)) {
			public = len(prefix)
		}
	}
	for i := 0; i+echoed <= len(text); i++ {
		if bytes.Contains(value[public:], text[i:i+echoed]) {
			return true
		}
	}
	return bytes.Contains(text, value)
}

// prefixes are public beginnings of values of this provider.
func (p *Provider) prefixes() []string {
	all := slices.Clone(p.file.Recognize.Prefix)
	for _, c := range p.classes {
		all = append(all, c.prefix)
	}
	return all
}
