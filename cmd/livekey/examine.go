package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// atOnce is how many keys are read and asked about at the same time.
const atOnce = 16

// examiner proves keys without an engine: no state, no sink, no journal.
type examiner struct {
	sources map[string]sources.Source
	prober  *validator.Prober
	hasher  secret.Hasher
}

// examineAll proves every key of cfg, in the order of their names, and says what
// that makes of the exit code.
func (a *app) examineAll(ctx context.Context, cfg *config.Config) ([]report.Checked, code, error) {
	p, err := assemble(cfg, a.quiet(), knowsNothing)
	if err != nil {
		return nil, ok, asUsage(err)
	}
	p.sources[stdinSource] = stdin{a.in}
	salt := make([]byte, saltSize) // these fingerprints only tell equal keys from others, now
	_, _ = rand.Read(salt)
	x := examiner{p.sources, validator.NewProber(), secret.NewHasher(secret.New(salt))}
	checked := make([]report.Checked, len(p.keys))
	codes := make([]code, len(p.keys))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, k := range p.keys {
		g.Go(func() error {
			checked[i], codes[i] = x.examine(ctx, k)
			return nil
		})
	}
	_ = g.Wait() // nothing above fails: no answer is an answer
	x.prober.Wait()
	return checked, worst(codes...), nil
}

func (x examiner) examine(ctx context.Context, k engine.Key) (report.Checked, code) {
	v, missing := x.verdict(ctx, k)
	c := judgeOutcome(v.Outcome, v.Reason)
	if missing {
		c = notLive
	}
	if k.Optional {
		c = ok
	}
	detail := v.Detail
	if v.Which != "" && !strings.Contains(detail, v.Which) {
		detail = strings.TrimSuffix(v.Which+": "+detail, ": ")
	}
	return report.Checked{
		Name: k.Name, Provider: k.Provider, Outcome: v.Outcome, Reason: v.Reason, Detail: detail,
		HTTPStatus: v.HTTPStatus, RequestID: v.RequestID, CheckedAt: v.CheckedAt, ExpiresAt: v.ExpiresAt, Identity: v.Identity,
	}, c
}

// verdict reads one key and asks its issuer. missing says that its source
// answered, and does not have it.
func (x examiner) verdict(ctx context.Context, k engine.Key) (v key.Verdict, missing bool) {
	records := map[key.Location]sources.Record{}
	for _, ref := range k.From {
		if _, read := records[ref.Location]; read {
			continue
		}
		record, err := x.sources[ref.Source].Fetch(ctx, ref.Location)
		if err != nil {
			return key.Verdict{Reason: key.NotYetAsked, Detail: err.Error(), CheckedAt: time.Now().UTC()}, errors.Is(err, key.ErrNotFound)
		}
		records[ref.Location] = record
	}
	secret.Do(func() {
		parts, fault := k.Open(records)
		if fault != nil {
			v = *fault
			v.CheckedAt = time.Now().UTC()
			return
		}
		v = x.prober.Probe(ctx, validator.Request{
			Key: k.Name, Provider: k.Provider, Checker: k.Checker, Budget: k.Budget, Purpose: validator.Candidate,
			Material: proof.New(x.hasher, k.Name, "", parts),
		})
	})
	return v, false
}

// owner is an identity in words.
func owner(id key.Identity) string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(id)) {
		all = append(all, fmt.Sprintf("%s=%s", field, id[field]))
	}
	return strings.Join(all, " ")
}
