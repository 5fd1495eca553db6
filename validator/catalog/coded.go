package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
)

// code is what the files of this catalog may name, by kind and name.
type code struct {
	signers  map[string]validator.Signer
	decoders map[string]validator.Decoder
	speakers map[string]validator.Speaker
}

// missing says which code the file names and nobody has.
func (f *file) missing(c code) error {
	if err := f.signers(c.signers); err != nil {
		return err
	}
	if f.Decode != "" && c.decoders[f.Decode] == nil {
		return noCode("decode", f.Decode, slices.Sorted(maps.Keys(c.decoders)))
	}
	if f.Speak != "" && c.speakers[f.Speak] == nil {
		return noCode("speak", f.Speak, slices.Sorted(maps.Keys(c.speakers)))
	}
	return nil
}

func noCode(field, name string, known []string) error {
	return fmt.Errorf("%s: no code is called %q; there is: %s", field, name, strings.Join(known, ", "))
}

// coded is what code is given of a key.
func (c *checker) coded(m proof.Material) validator.Coded {
	return validator.Coded{
		Part: func(name string) string { return string(m.Parts[key.Part(name)].Reveal()) },
		With: c.params, Now: time.Now(),
	}
}

// decode reads what the value tells of itself. ok is false if that is the whole answer:
// the value is malformed, or a rule about the facts holds.
func (c *checker) decode(class *class, m proof.Material) (facts any, v key.Verdict, ok bool) {
	f := c.provider.file
	if f.Decode == "" {
		return nil, key.Verdict{}, true
	}
	read, err := c.code.decoders[f.Decode](c.coded(m))
	if err != nil {
		return nil, key.Verdict{Outcome: key.Dead, Reason: key.Malformed, Which: "undecodable", Detail: err.Error()}, false
	}
	told := &answer{facts: read}
	for i := range f.Before {
		if r := &f.Before[i]; r.matches(told) {
			return read, c.unasked(class, read, m, r.verdict()), false
		}
	}
	return read, key.Verdict{}, true
}

// unasked adds to the verdict on a key that nobody is asked about what it tells of itself.
func (c *checker) unasked(class *class, facts any, m proof.Material, v key.Verdict) key.Verdict {
	told := &answer{facts: facts}
	v.Identity = class.identify(told, m)
	v.ExpiresAt = c.provider.expiresAt(told)
	return v
}

// speaking is a checker of an issuer that does not speak HTTP. A refusal in its own
// protocol is its mark: no made-up credential is tried, which would count as a failed login.
type speaking struct{ asker *checker }

// Check connects, logs in and asks who it is.
func (s *speaking) Check(ctx context.Context, m proof.Material) key.Verdict {
	v := s.check(ctx, m)
	v.Fingerprint = m.Fingerprint
	return v
}

func (s *speaking) check(ctx context.Context, m proof.Material) key.Verdict {
	c := s.asker
	class := c.classOf(m)
	if v, refused := c.refuse(class, m); refused {
		return v
	}
	facts, v, ok := c.decode(class, m)
	if !ok {
		return v
	}
	if v, costs := c.unconsented(class); costs {
		return c.unasked(class, facts, m, v)
	}
	reply, err := c.code.speakers[c.provider.file.Speak].Speak(ctx, c.coded(m))
	if err != nil {
		return unknown(key.Transient, err.Error())
	}
	a := &answer{json: reply, facts: facts}
	r := class.match(a)
	if r == nil {
		return unknown(key.Unsupported, "the server answered in a way that livekey does not know")
	}
	return c.complete(class, a, r.verdict(), m)
}

// Hosts are where a value may go, as the code says.
func (s *speaking) Hosts() []string {
	return s.asker.code.speakers[s.asker.provider.file.Speak].Hosts(s.asker.params)
}

// ID is the provider and its parameters.
func (s *speaking) ID() string { return s.asker.ID() }

// Pins are the identity fields that tell one owner from another.
func (s *speaking) Pins() []string { return s.asker.Pins() }

// checkDecoded keeps facts and the code that decodes them together.
func (f *file) checkDecoded(fs *faults) {
	if f.Decode == "" && len(f.Before) > 0 {
		fs.add(f.node, "before", "is about facts, which code decodes: say decode")
	}
	for i := range f.Before {
		r := &f.Before[i]
		if len(r.Status) > 0 || len(r.BodyContains)+len(r.BodyIs) > 0 || r.Fact == "" {
			fs.add(r.node, "fact", "a rule of before is about facts alone")
		}
		if r.Outcome == key.Live {
			fs.add(r.node, "outcome", "nothing is live that nobody was asked about")
		}
		f.checkRule(fs, r)
	}
}

// checkUnasked is what holds of files that make no request.
func (f *file) checkUnasked(fs *faults) {
	if f.Request != nil || len(f.Variants) > 0 || f.BaseURL != "" {
		fs.add(f.node, "request", "request, variants and base_url are HTTP's, and this file asks nobody over it")
	}
	if f.ProbePolicy == offline && (f.Decode == "" || f.Speak != "" || len(f.Rules) > 0) {
		fs.add(f.node, "decode", "of a provider that nobody asks, code decodes what its values tell: say decode, and no rules")
	}
}
