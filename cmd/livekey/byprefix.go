package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
)

// byPrefix checks a key of which neither the config nor the name of its variable
// says who issued it. A prefix that belongs to one issuer alone decides, for each
// version anew; a value without one is sent to nobody.
type byPrefix struct {
	catalog  *catalog.Catalog
	checkers map[string]validator.Explainer // by provider, all with addresses of their own
}

func newByPrefix(c *catalog.Catalog, client *http.Client) (*byPrefix, error) {
	b := &byPrefix{catalog: c, checkers: map[string]validator.Explainer{}}
	for _, id := range c.Prefixes() {
		provider, err := c.Lookup(id)
		if err != nil {
			return nil, err
		}
		checker, err := provider.Checker(catalog.Settings{Client: client})
		if err != nil {
			continue // needs parameters, which nobody gave: its keys stay without an issuer
		}
		if e, ok := checker.(validator.Explainer); ok {
			b.checkers[id] = e
		}
	}
	return b, nil
}

// of is the checker for m; nil if no prefix tells.
func (b *byPrefix) of(m proof.Material) validator.Explainer {
	for _, v := range m.Parts {
		if c := b.checkers[b.catalog.ResolveValue(v)]; c != nil {
			return c
		}
	}
	return nil
}

func nobody(m proof.Material) key.Verdict {
	return key.Verdict{
		Outcome: key.Unknown, Reason: key.Misconfigured, Fingerprint: m.Fingerprint,
		Detail: "neither the variable nor a prefix of the value tells the issuer: say `provider:`, or `provider: none`",
	}
}

func (b *byPrefix) Check(ctx context.Context, m proof.Material) key.Verdict {
	if c := b.of(m); c != nil {
		return c.Check(ctx, m)
	}
	return nobody(m)
}

func (b *byPrefix) Explain(ctx context.Context, m proof.Material) validator.Answer {
	if c := b.of(m); c != nil {
		return c.Explain(ctx, m)
	}
	return validator.Answer{Verdict: nobody(m)}
}

func (b *byPrefix) ExplainControl(ctx context.Context, m proof.Material) validator.Answer {
	if c := b.of(m); c != nil {
		return c.ExplainControl(ctx, m)
	}
	return validator.Answer{Verdict: nobody(m)}
}

// NeedsShape is true if it is for any of them: one more control call a day.
func (b *byPrefix) NeedsShape() bool {
	for _, c := range b.checkers {
		if c.NeedsShape() {
			return true
		}
	}
	return false
}

// Hosts are those of every issuer that a prefix could name.
func (b *byPrefix) Hosts() []string {
	var all []string
	for _, c := range b.checkers {
		if h, ok := c.(validator.Hoster); ok {
			all = append(all, h.Hosts()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Pins are the fields that tell one owner from another at any of them. An issuer
// that does not tell a field pins nothing by it.
func (b *byPrefix) Pins() []string {
	var all []string
	for _, c := range b.checkers {
		if p, ok := c.(validator.Pinner); ok {
			all = append(all, p.Pins()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
