package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// atOnce is how many keys are read and asked about at the same time. They wait more than
// they work, and no host sees more than the Prober lets through.
const atOnce = 64

// examiner proves keys without an engine: no state, no sink, no journal.
type examiner struct {
	sources map[string]sources.Source
	prober  *validator.Prober
	hasher  secret.Hasher
	lists   map[string]engine.Lists // of keys, by provider
}

// examineAll proves every key of an inquiry, in the order of their names, and says what
// that makes of the exit code.
func (a *app) examineAll(ctx context.Context, of inquiry) ([]report.Checked, code, error) {
	p, err := assemble(of.cfg, a.quiet(), knowsNothing)
	if err != nil {
		return nil, ok, asUsage(err)
	}
	p.sources[stdinSource] = stdin{a.in}
	salt := make([]byte, saltSize) // these fingerprints only tell equal keys from others, now
	_, _ = rand.Read(salt)
	x := examiner{p.sources, validator.NewProber(), secret.NewHasher(secret.New(salt)), p.lists(ctx, a.quiet())}
	checked := make([]report.Checked, len(p.keys))
	codes := make([]code, len(p.keys))
	var g errgroup.Group
	g.SetLimit(atOnce)
	shown := a.progress("proving", len(p.keys))
	for i, k := range p.keys {
		g.Go(func() error {
			checked[i], codes[i] = x.examine(ctx, k)
			shown.one()
			return nil
		})
	}
	_ = g.Wait() // nothing above fails: no answer is an answer
	x.prober.Wait()
	shown.end()
	if errors.Is(ctx.Err(), context.Canceled) { // not an outage: a gate that lets those pass must not let this
		return nil, internal, ctx.Err()
	}
	for _, c := range of.said {
		checked, codes = append(checked, c), append(codes, judgeOutcome(c.Outcome, c.Reason))
	}
	slices.SortFunc(checked, func(a, b report.Checked) int { return cmp.Compare(a.Name, b.Name) })
	return checked, worst(codes...), nil
}

func (x examiner) examine(ctx context.Context, k engine.Key) (report.Checked, code) {
	v, listing, err := engine.Examine(ctx, k, x.sources, x.prober, x.hasher, x.lists[k.Provider])
	c := judgeOutcome(v.Outcome, v.Reason)
	if errors.Is(err, key.ErrNotFound) {
		c = notLive
	}
	if k.Optional {
		c = ok
	}
	detail := v.Detail
	if v.Which != "" && !strings.Contains(detail, v.Which) {
		detail = strings.TrimSuffix(v.Which+": "+detail, ": ")
	}
	if listing != nil && v.ExpiresAt.IsZero() {
		v.ExpiresAt = listing.ExpiresAt
	}
	provider := k.Provider
	if b, ok := k.Checker.(*byPrefix); ok {
		provider = b.issuer()
	}
	return report.Checked{
		Name: k.Name, Provider: provider, Outcome: v.Outcome, Reason: v.Reason, Detail: detail,
		HTTPStatus: v.HTTPStatus, RequestID: v.RequestID, CheckedAt: v.CheckedAt, ExpiresAt: v.ExpiresAt, Identity: listing.Add(v.Identity), Limits: v.Limits,
	}, c
}

// owner is an identity in words.
func owner(id key.Identity) string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(id)) {
		all = append(all, fmt.Sprintf("%s=%s", field, id[field]))
	}
	return strings.Join(all, " ")
}

// contradicted warns of a key that lives and is listed as one that may not be used.
func contradicted(o key.Outcome, id key.Identity) string {
	if o != key.Live || id[key.ListedAs] == "" {
		return ""
	}
	return "its issuer lists it as " + id[key.ListedAs] + ", and still accepts it: it may end at any moment"
}

// terms is until when and how often a key may be used, in words; empty if its issuer does
// not say.
func terms(expires time.Time, l *key.Limits, now time.Time) string {
	var all []string
	switch {
	case expires.IsZero():
	case expires.After(now):
		all = append(all, fmt.Sprintf("expires in %s, at %s", ui.Span(expires.Sub(now)), expires.UTC().Format(minute)))
	default:
		all = append(all, "was to expire at "+expires.UTC().Format(minute))
	}
	if l != nil {
		text := fmt.Sprintf("%d of %d calls were left", l.Remaining, l.Limit)
		if !l.ResetAt.IsZero() {
			text += ", all are back at " + l.ResetAt.UTC().Format(minute)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

const minute = "2006-01-02 15:04 UTC"
