package catalog

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Provider is one issuer as its file describes it. Immutable.
type Provider struct {
	file        *file
	classes     []*class // by prefix, the longest first; the last has none
	authenticIf []condition
}

// class is one kind of credential of an issuer, with everything that its file
// and its variant say filled in.
type class struct {
	name     string
	prefix   string
	without  string // parameter that the config does not say; "" if that does not matter
	shape    string // regular expression, "" if none
	shaped   func() *regexp.Regexp
	request  *call
	control  template
	rules    []rule
	identity map[string]field
	never    *key.Verdict // of one that is not sent
	optIn    string       // why it is sent only where the config says so
	requires []string
	here     bool // what the file says of elsewhere is not about it

	provider *Provider
}

// Info is what a provider's file tells people.
type Info struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Form       string   `json:"form"`
	BaseURL    string   `json:"base_url,omitempty"`
	Parts      []string `json:"parts,omitempty"`    // of a key that has several
	Optional   []string `json:"optional,omitempty"` // those of them that not every key has
	Variables  []string `json:"variables,omitempty"`
	Shared     []string `json:"shared_variables,omitempty"` // that other issuers use too
	Prefixes   []string `json:"prefixes,omitempty"`
	Classes    []string `json:"classes,omitempty"`    // kinds of credential that are told apart
	NeverSent  []string `json:"never_sent,omitempty"` // those of them that livekey only names
	OptIn      string   `json:"opt_in,omitempty"`     // what asking costs, so that it is done only with opt_in: true
	Offline    bool     `json:"offline,omitempty"`    // nobody is asked: what can be known is read from the value
	Elsewhere  string   `json:"elsewhere,omitempty"`  // where else a good key may live that is refused here
	Params     []Param  `json:"params,omitempty"`
	Pins       []string `json:"pins,omitempty"` // identity fields that tell one owner from another
	Cost       string   `json:"cost,omitempty"`
	Confidence string   `json:"confidence"`
	Evidence   []string `json:"evidence"`
}

// Param is a parameter that the config fills with `with:`.
type Param struct {
	Name     string `json:"name"`
	Default  string `json:"default,omitempty"`
	Help     string `json:"help,omitempty"`
	Required bool   `json:"required,omitempty"`
	// Elsewhere says that a refusal counts only where the config says this parameter, and why.
	Elsewhere string   `json:"elsewhere,omitempty"`
	Variables []string `json:"variables,omitempty"` // of an environment, that say it
	OneOf     []string `json:"one_of,omitempty"`    // its only values
}

// defaultControl is the made-up value of a class whose file gives none.
const defaultControl = "{{random 40}}"

// parse reads and checks a provider's file.
func parse(name, text string) (*Provider, error) {
	f, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	return newProvider(f), nil
}

func newProvider(f *file) *Provider {
	p := &Provider{file: f, authenticIf: f.AuthenticIf}
	for i := range f.Variants {
		p.classes = append(p.classes, p.newClass(&f.Variants[i]))
	}
	p.classes = append(p.classes, p.newClass(&variant{Name: f.Name, Shape: f.Recognize.Shape}))
	slices.SortStableFunc(p.classes, func(a, b *class) int { return len(b.prefix) - len(a.prefix) })
	return p
}

func (p *Provider) newClass(v *variant) *class {
	f := p.file
	c := &class{name: v.Name, prefix: v.Prefix, without: v.Without, shape: v.Shape, identity: f.Identity, requires: v.Requires, here: v.Here, provider: p}
	c.shaped = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(c.shape) })
	if f.ProbePolicy == never || v.ProbePolicy == never {
		c.never = unsent(v)
		return c
	}
	c.optIn = cmp.Or(v.OptIn, f.OptIn)
	if v.Identity != nil {
		c.identity = v.Identity
	}
	for _, r := range slices.Concat(v.Rules, f.Rules) {
		c.rules = append(c.rules, r.safe(cmp.Or(v.Confidence, f.Confidence)))
	}
	if f.Request == nil {
		return c
	}
	req := f.Request
	if v.Request != nil {
		req = v.Request
	}
	c.request = newCall(f, req)
	control := v.Control
	if control == "" && strings.HasPrefix(f.Control, v.Prefix) {
		control = f.Control
	}
	c.control, _ = parseTemplate(cmp.Or(control, v.Prefix+defaultControl))
	return c
}

// forget drops where in its file everything stands, which holds the whole text of
// the file in memory and is of no use once the file is known to be good.
func (p *Provider) forget() {
	nowhere := config.Node{}
	f := p.file
	f.node = nowhere
	if f.Request != nil {
		f.Request.node = nowhere
	}
	for i := range f.Rules {
		f.Rules[i].node = nowhere
	}
	for i := range f.Before {
		f.Before[i].node = nowhere
	}
	for i := range f.Variants {
		v := &f.Variants[i]
		v.node = nowhere
		if v.Request != nil {
			v.Request.node = nowhere
		}
		for j := range v.Rules {
			v.Rules[j].node = nowhere
		}
	}
	for _, c := range p.classes {
		for i := range c.rules {
			c.rules[i].node = nowhere
		}
	}
}

// unsent is the verdict on a credential that its file says is never sent.
func unsent(v *variant) *key.Verdict {
	never := unknown(cmp.Or(v.Reason, key.Unsupported), cmp.Or(v.Detail, "credentials of this kind are never sent by livekey"))
	if never.Reason == key.Malformed {
		never.Outcome = key.Dead // a local fault: this value can never be such a key
	}
	return &never
}

// safe takes the right to call a key dead from a rule that nobody confirmed.
func (r rule) safe(confidence string) rule {
	if r.Outcome == key.Dead && (confidence == low || r.Confidence == low) {
		r.Outcome, r.Reason = key.Unknown, key.Unauthenticated
		r.Detail = "refused, by a rule that no source confirmed: " + cmp.Or(r.Detail, "ask the issuer")
	}
	return r
}

// misshapen says whether a value speaks against itself. The expression is read when the
// first refusal asks: one that counts characters is large, and slow to read.
func (c *class) misshapen(v secret.Value) bool {
	return c.shape != "" && !c.shaped().Match(v.Reveal())
}

// ID is the name by which a config asks for this provider.
func (p *Provider) ID() string { return p.file.ID }

// Form is how a value of this provider is linted: token, text, pem or json.
func (p *Provider) Form() string { return cmp.Or(p.file.Form, "token") }

// Pins are the identity fields by which one owner is told from another, sorted.
func (p *Provider) Pins() []string {
	pins := map[string]bool{}
	for _, c := range p.classes {
		for name, f := range c.identity {
			if f.Pin {
				pins[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(pins))
}

// Info is the provider for people.
func (p *Provider) Info() Info {
	f := p.file
	i := Info{
		ID: f.ID, Name: f.Name, Form: p.Form(), BaseURL: f.BaseURL,
		Parts: f.Parts, Optional: f.Optional, Variables: f.Recognize.all(), Shared: f.Recognize.Shared, Prefixes: f.Recognize.Prefix,
		OptIn: f.OptIn, Offline: f.ProbePolicy == offline, Elsewhere: f.Elsewhere,
		Pins: p.Pins(), Cost: f.Cost, Confidence: f.Confidence, Evidence: f.Evidence,
	}
	for _, v := range f.Variants {
		i.Classes = append(i.Classes, v.Name)
		if v.ProbePolicy == never {
			i.NeverSent = append(i.NeverSent, v.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		a := f.Params[name]
		i.Params = append(i.Params, Param{
			Name: name, Default: a.Default, Help: a.Help, Required: a.Required, Elsewhere: a.Elsewhere, Variables: a.Variables, OneOf: a.OneOf,
		})
	}
	return i
}

// class tells which kind of credential a value is, by its prefix and by what the config
// says beside it.
func (p *Provider) class(v secret.Value, with map[string]string) *class {
	for _, c := range p.classes {
		if strings.HasPrefix(string(v.Reveal()[:min(v.Len(), len(c.prefix))]), c.prefix) && (c.without == "" || with[c.without] == "") {
			return c
		}
	}
	return p.classes[len(p.classes)-1]
}
