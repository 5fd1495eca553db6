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
// version anew; a value without one is sent to nobody. A version of another issuer than
// the delivered one's belongs to somebody else, and is held.
type byPrefix struct {
	catalog  *catalog.Catalog
	checkers map[string]validator.Checker // by provider, all with addresses of their own
}

func newByPrefix(c *catalog.Catalog, client *http.Client) (*byPrefix, error) {
	b := &byPrefix{catalog: c, checkers: map[string]validator.Checker{}}
	for _, id := range c.Prefixes() {
		provider, err := c.Lookup(id)
		if err != nil {
			return nil, err
		}
		checker, err := provider.Checker(catalog.Settings{Client: client, Signers: signers, NameIssuer: true})
		if err != nil {
			continue // needs parameters, which nobody gave: its keys stay without an issuer
		}
		b.checkers[id] = checker
	}
	return b, nil
}

// Choose returns the checker of m's issuer, or one that asks nobody if no prefix tells.
func (b *byPrefix) Choose(m proof.Material) validator.Checker {
	for _, v := range m.Parts {
		if c := b.checkers[b.catalog.ResolveValue(v)]; c != nil {
			return c
		}
	}
	return stranger{}
}

func (b *byPrefix) Check(ctx context.Context, m proof.Material) key.Verdict {
	return b.Choose(m).Check(ctx, m)
}

// stranger checks a value whose issuer nobody named. It asks nobody.
type stranger struct{}

func (stranger) Hosts() []string { return nil }

func (stranger) Check(_ context.Context, m proof.Material) key.Verdict {
	return key.Verdict{
		Outcome: key.Unknown, Reason: key.Misconfigured, Fingerprint: m.Fingerprint,
		Detail: "neither the variable nor a prefix of the value tells the issuer: say `provider:`, or `provider: none`",
	}
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
