package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
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
	BaseURL string            // where the live call goes, "" for the provider's own address
	With    map[string]string // parameters
	Client  *http.Client      // of internal/httpclient
	// Code that files may name.
	Signers  map[string]validator.Signer
	Decoders map[string]validator.Decoder
	Speakers map[string]validator.Speaker
	OptIn    bool // ask also where that costs something
	// NameIssuer adds who the issuer is to the identity of a live key, and pins it:
	// for keys of which the config does not say it.
	NameIssuer bool
}

// Checker returns what asks this provider. It also is a validator.Hoster, Identifier and
// Pinner and, over HTTP, a Controller and Explainer. It does no I/O. The error joins every
// fault of the settings, each led by its field.
func (p *Provider) Checker(s Settings) (validator.Checker, error) {
	if s.Client == nil {
		return nil, errors.New("check with provider " + p.ID() + ": no HTTP client")
	}
	c, err := p.settle(s)
	switch {
	case err != nil:
		return nil, err
	case p.file.Speak != "":
		return &speaking{c}, nil
	case c.origin != "":
		client := *s.Client
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		client.Jar = nil
		c.client = &client
	}
	return c, nil
}

// Lint says what Checker would say is wrong with the settings. They need no client.
func (p *Provider) Lint(s Settings) error {
	_, err := p.settle(s)
	return err
}

// settle is a checker that nobody can be asked with yet.
func (p *Provider) settle(s Settings) (*checker, error) {
	params, err := p.params(s.With)
	if err != nil {
		return nil, err
	}
	c := &checker{
		provider: p, params: params, code: code{s.Signers, s.Decoders, s.Speakers}, nameIssuer: s.NameIssuer, optIn: s.OptIn,
		elsewhere: p.elsewhere(s), named: p.file.named(s),
	}
	f := p.file
	if err := f.missing(c.code); err != nil {
		return nil, err
	}
	switch {
	case f.ProbePolicy == never, f.ProbePolicy == offline:
		return c, nil
	case f.Speak != "" && s.BaseURL != "":
		return nil, fmt.Errorf("base_url: provider %s is not asked over HTTP; its address is said by with: %s", f.ID, p.paramNames())
	case f.Speak != "":
		return c, s.Speakers[f.Speak].Lint(params)
	}
	if c.base, err = f.newBase(s.BaseURL, params); err != nil {
		return nil, err
	}
	c.origin, c.host, err = c.base.origin()
	return c, err
}

// elsewhere is where a good key may live instead that these settings do not rule out.
func (p *Provider) elsewhere(s Settings) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.file.Params)) {
		if text := p.file.Params[name].Elsewhere; text != "" && s.With[name] == "" && s.BaseURL == "" {
			all = append(all, text)
		}
	}
	if p.file.Elsewhere != "" && s.BaseURL == "" {
		all = append(all, p.file.Elsewhere)
	}
	return strings.Join(all, "; ")
}

func (p *Provider) paramNames() string {
	return strings.Join(slices.Sorted(maps.Keys(p.file.Params)), ", ")
}

// params fills the parameters: what the config says, else the default.
func (p *Provider) params(with map[string]string) (map[string]string, error) {
	var faults []error
	filling := map[string]string{}
	for name := range with {
		if _, ok := p.file.Params[name]; !ok {
			faults = append(faults, fmt.Errorf("with.%s: provider %s has no such parameter; it has: %s", config.Shown(name), p.ID(), p.paramNames()))
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
		case len(param.OneOf) > 0 && v != "" && !slices.Contains(param.OneOf, v):
			faults = append(faults, fmt.Errorf("with.%s: %s is none of the values of provider %s: %s", name, config.Shown(v), p.ID(), strings.Join(param.OneOf, ", ")))
		case !sendable(v):
			faults = append(faults, fmt.Errorf("with.%s: has a line break, a control character, or a blank at its beginning or end", name))
		}
		filling[name] = v
	}
	return filling, errors.Join(faults...)
}

type checker struct {
	provider  *Provider
	params    map[string]string
	code      code
	base      base
	origin    string // https://host[:port], with * for what a key fills
	host      string
	client    *http.Client
	elsewhere string // "" if a refusal here is one everywhere
	named     bool   // the config or the key says the host, or a part of it

	nameIssuer bool
	optIn      bool
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
	if c.client == nil || c.provider.file.ProbePolicy == optIn && !c.optIn {
		return nil
	}
	return []string{c.origin}
}

// ID is the provider, its address and parameters.
func (c *checker) ID() string {
	id := []string{c.provider.ID(), c.origin, c.base.text}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		id = append(id, name+"="+strconv.Quote(c.params[name]))
	}
	for word, said := range map[string]bool{IssuerField: c.nameIssuer, "opt_in": c.optIn, "elsewhere": c.elsewhere != ""} {
		if said {
			id = append(id, word)
		}
	}
	slices.Sort(id[2:])
	return strings.Join(id, " ")
}

// IssuerField is the identity field of Settings.NameIssuer.
const IssuerField = "issuer"

// Pins are the identity fields that tell one owner from another.
func (c *checker) Pins() []string {
	if !c.nameIssuer {
		return c.provider.Pins()
	}
	return append(c.provider.Pins(), IssuerField)
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
	if v, refused := c.refuse(class, m); refused {
		return validator.Answer{Verdict: v}
	}
	facts, v, ok := c.decode(class, m)
	if !ok {
		return validator.Answer{Verdict: v, Marked: true, Local: true}
	}
	if c.provider.file.ProbePolicy == offline {
		return validator.Answer{Verdict: c.unasked(class, facts, m, unknown(key.NoProvider, "read and not asked about: nobody can say whether this key lives"))}
	}
	if v, costs := c.unconsented(class); costs {
		return validator.Answer{Verdict: c.unasked(class, facts, m, v)}
	}
	got, v := c.send(ctx, class, func(p key.Part) []byte { return m.Parts[p].Reveal() }, m)
	if got == nil {
		return validator.Answer{Verdict: v}
	}
	got.facts = facts
	a := class.judge(got, time.Now())
	a.Verdict.RequestID = c.provider.clean(got.requestID(), m, longestField)
	a.Verdict = c.complete(class, got, a.Verdict, m)
	if a.Verdict.Outcome != key.Live {
		a.Verdict.Detail += got.skew(time.Now())
	}
	return a
}

// refuse judges what must not be sent.
func (c *checker) refuse(class *class, m proof.Material) (v key.Verdict, refused bool) {
	if class.never != nil {
		return *class.never, true
	}
	for _, part := range class.requires {
		if _, there := m.Parts[key.Part(part)]; !there {
			return unknown(key.Misconfigured, "a "+class.name+" is used together with its "+part+
				", and this key has none: add the part "+part+" to env:, and to what from: names"), true
		}
	}
	return key.Verdict{}, false
}

// unconsented judges what is sent only where the config says that it may cost something.
func (c *checker) unconsented(class *class) (v key.Verdict, costs bool) {
	if class.optIn == "" || c.optIn {
		return key.Verdict{}, false
	}
	return unknown(key.Unsupported, "not asked, because that "+class.optIn+
		": say `opt_in: true` at the key to have it asked, or `provider: none` to deliver it unproved"), true
}

// complete adds to a verdict what else an answer tells.
func (c *checker) complete(class *class, a *answer, v key.Verdict, m proof.Material) key.Verdict {
	switch {
	case v.Outcome == key.Live:
		v.Identity = class.identify(a, m)
		if c.nameIssuer {
			if v.Identity == nil {
				v.Identity = key.Identity{}
			}
			v.Identity[IssuerField] = c.provider.ID()
		}
		v.ExpiresAt = c.provider.expiresAt(a)
		v.Limits = c.provider.limits(a)
	case v.Outcome == key.Dead && v.Reason == key.Invalid && c.elsewhere != "" && !class.here:
		v.Outcome, v.Reason = key.Unknown, key.Misconfigured
		v.Detail = "refused, which is not believed yet: " + c.elsewhere
	case v.Outcome == key.Dead && class.misshapen(c.first(m)):
		v.Detail += "; it also does not have the shape of a key of this kind, as one cut off or mistyped"
	}
	return v
}

// ExplainControl makes the call with a made-up credential of the class of m. Of m, it
// sends what names the host, which is no secret.
func (c *checker) ExplainControl(ctx context.Context, m proof.Material) validator.Answer {
	class := c.classOf(m)
	if v, refused := c.refuse(class, m); refused || class.request == nil {
		return validator.Answer{Verdict: v}
	}
	if v, costs := c.unconsented(class); costs {
		return validator.Answer{Verdict: v}
	}
	other := template{{name: "random 40"}}
	got, v := c.send(ctx, class, func(p key.Part) []byte {
		switch f := c.provider.file; {
		case slices.Contains(c.base.names, string(p)):
			return m.Parts[p].Reveal()
		case string(p) == f.parts()[0]:
			return []byte(class.control.madeUp())
		case slices.Contains(f.Optional, string(p)) && !slices.Contains(class.requires, string(p)):
			return nil
		}
		return []byte(other.madeUp())
	}, m)
	if got == nil {
		return validator.Answer{Verdict: v}
	}
	return class.judgeControl(got, time.Now())
}

// send makes exactly one request, to the host of m. Without an answer, the verdict says why.
func (c *checker) send(ctx context.Context, class *class, values func(key.Part) []byte, m proof.Material) (*answer, key.Verdict) {
	in := filling{params: c.params, signers: c.code.signers, values: values}
	own := filling{params: c.params, values: func(p key.Part) []byte { return m.Parts[p].Reveal() }}
	address, err := c.base.of(func(name string) string { return class.request.text(own, name) })
	if err != nil {
		return nil, unknown(key.Misconfigured, err.Error())
	}
	req, err := class.request.build(ctx, address, in)
	if err != nil {
		return nil, unknown(key.Misconfigured, err.Error())
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, unreached(err, c.host, c.named)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := readAnswer(resp)
	if err != nil {
		return nil, unread(err, c.host, c.named)
	}
	return got, key.Verdict{}
}

func (c *checker) classOf(m proof.Material) *class {
	return c.provider.class(c.first(m), c.params)
}

func (c *checker) first(m proof.Material) secret.Value {
	return m.Parts[key.Part(c.provider.file.parts()[0])]
}

// identify reads who the key belongs to, and what it may do.
func (cl *class) identify(a *answer, m proof.Material) key.Identity {
	id := key.Identity{}
	add := func(name string, f field, longest int) {
		s := f.read(a)
		switch {
		case f.Fact != "" && !fit(s, longest): // what code decoded is free of secrets, although a key may have it inside
			s = ""
		case f.Fact == "":
			s = cl.provider.clean(s, m, longest)
		}
		if s != "" {
			id[name] = s
		}
	}
	for name, f := range cl.identity {
		add(name, f, longestField)
	}
	if scopes := cl.provider.file.Scopes; scopes != nil {
		add(scopesField, *scopes, longestScopes)
	}
	if len(id) == 0 {
		return nil
	}
	return id
}

// Bytes of what an issuer says that are shown.
const (
	longestField  = 128
	longestScopes = 512
	scopesField   = "scopes" // the identity field of a file's scopes
)

// clean returns what an issuer says about a key if it is fit to be shown: one
// short printable word or name that has no secret piece of the key inside.
func (p *Provider) clean(s string, m proof.Material, longest int) string {
	if !fit(s, longest) {
		return ""
	}
	for part, v := range m.Parts {
		if slices.Contains(p.file.Public, string(part)) {
			continue
		}
		for _, hidden := range p.hidden(v.Reveal()) {
			if p.echoes([]byte(s), hidden) {
				return ""
			}
		}
	}
	return s
}

// fit says whether s is short, and on one line.
func fit(s string, longest int) bool { return len(s) <= longest && sendable(s) && shown(s) }

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
	for _, prefix := range p.Prefixes() {
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

// Prefixes are public beginnings of values of this provider, those too that another
// issuer's may have.
func (p *Provider) Prefixes() []string {
	all := slices.Clone(p.file.Recognize.Prefix)
	for _, c := range p.classes {
		all = append(all, c.prefix)
	}
	return all
}
