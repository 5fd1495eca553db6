package main

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

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
	catalog *catalog.Catalog
	client  *http.Client

	mu       sync.Mutex
	checkers map[string]validator.Checker // by provider, of those that a value named, all with addresses of their own
	chosen   string                       // the provider of the value that was seen last; "": of no value yet
}

func newByPrefix(c *catalog.Catalog, client *http.Client) *byPrefix {
	return &byPrefix{catalog: c, client: client, checkers: map[string]validator.Checker{}}
}

// Choose returns the checker of m's issuer, or one that asks nobody if no prefix tells.
func (b *byPrefix) Choose(m proof.Material) validator.Checker {
	for _, v := range m.Parts {
		id := b.catalog.ResolveValue(v)
		if c := b.of(id); c != nil {
			b.mu.Lock()
			b.chosen = id
			b.mu.Unlock()
			return c
		}
	}
	return stranger{}
}

// of is the checker of a provider; nil if it needs what nobody said: its keys stay
// without an issuer.
func (b *byPrefix) of(id string) validator.Checker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.checkers[id]; ok {
		return c
	}
	provider, err := b.catalog.Lookup(id)
	if err != nil {
		return nil
	}
	c, err := provider.Checker(withCode(catalog.Settings{Client: b.client, NameIssuer: true}))
	if err != nil || len(provider.Info().Parts) > 1 {
		c = nil // one value says nothing of the other parts
	}
	b.checkers[id] = c
	return c
}

func (b *byPrefix) Check(ctx context.Context, m proof.Material) key.Verdict {
	return b.Choose(m).Check(ctx, m)
}

// issuer is the provider of the value that was seen last; "" if it had none.
func (b *byPrefix) issuer() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chosen
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
	for _, l := range b.named() {
		if u, err := url.Parse(l.BaseURL); err == nil && u.Host != "" && !strings.Contains(l.BaseURL, "{{") {
			all = append(all, u.Scheme+"://"+u.Host)
		} else if h, ok := b.of(l.ID).(validator.Hoster); ok { // few: those whose host is not the same for all
			all = append(all, h.Hosts()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Pins are the fields that tell one owner from another at any of them. An issuer
// that does not tell a field pins nothing by it.
func (b *byPrefix) Pins() []string {
	all := []string{catalog.IssuerField}
	for _, l := range b.named() {
		all = append(all, l.Pins...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// named are the providers that a prefix names.
func (b *byPrefix) named() []catalog.Listed {
	ids := slices.Sorted(maps.Values(b.catalog.Prefixes()))
	return slices.DeleteFunc(b.catalog.List(), func(l catalog.Listed) bool { return !slices.Contains(ids, l.ID) })
}
