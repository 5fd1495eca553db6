package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

// Examine reads one key and asks its issuer, and does nothing with the answer: no
// state, no sink, no journal. Its error is the source's, and may wrap
// key.ErrNotFound; the verdict then says that nobody was asked. What lists finds of a key
// that lives comes beside it; nil: nobody keeps a list.
func Examine(ctx context.Context, k Key, from map[string]sources.Source, p *validator.Prober, h secret.Hasher, lists Lists) (v key.Verdict, l *key.Listing, err error) {
	secret.Do(func() {
		records := map[key.Location]sources.Record{}
		for _, loc := range k.locations() {
			rctx, cancel := context.WithTimeout(ctx, readTimeout)
			records[loc], err = from[loc.Source].Fetch(rctx, loc)
			cancel()
			if err != nil {
				v = key.Verdict{Reason: key.NotYetAsked, Detail: err.Error(), CheckedAt: now()}
				return
			}
		}
		m, _, fault := k.material(h, records)
		if fault != nil {
			v = *fault
			return
		}
		v = p.Probe(ctx, validator.Request{
			Key: k.Name, Provider: k.Provider, Checker: k.Checker, Material: m, Purpose: validator.Candidate, Budget: k.Budget,
		})
		if lists != nil && v.Outcome == key.Live {
			l = lists(m.Parts[key.DefaultPart], v.Identity)
		}
	})
	return v, l, err
}

// Lists finds a value in what an issuer lists; nil if it is not there.
type Lists = func(value secret.Value, owner key.Identity) *key.Listing

// Every is how often the key has src read, at least.
func (k Key) Every(src sources.Source) time.Duration {
	if k.Refresh != 0 {
		return k.Refresh
	}
	if p, ok := src.(sources.Pacer); ok {
		return p.Refresh()
	}
	return defaultRefresh
}

// locations are the records that the key is read from, each once.
func (k Key) locations() []key.Location {
	all := map[key.Location]bool{}
	for _, ref := range k.From {
		all[ref.Location] = true
	}
	return sortedLocations(all)
}

func sortedLocations[V any](m map[key.Location]V) []key.Location {
	return slices.SortedFunc(maps.Keys(m), func(a, b key.Location) int { return cmp.Compare(a.String(), b.String()) })
}

// versionSeparator stands between the versions of the records of one key.
const versionSeparator = "+"

// material normalizes records into Material. Of bytes that cannot be a key, the
// Material has a fingerprint and no parts. A number is the version's only if it
// comes from one record: those of several are no order.
func (k Key) material(h secret.Hasher, records map[key.Location]sources.Record) (m proof.Material, number int64, fault *key.Verdict) {
	var versions []string
	raw := map[key.Part]secret.Value{}
	for _, loc := range sortedLocations(records) {
		rec := records[loc]
		if rec.Version != "" {
			versions = append(versions, string(rec.Version))
		}
		if len(records) == 1 {
			number = rec.Number
		}
		raw[key.Part(loc.String())] = rec.Data
	}
	version := key.Version(strings.Join(versions, versionSeparator))
	parts, fault := k.Open(records)
	if fault != nil {
		m = proof.New(h, k.Name, version, raw)
		m.Parts = nil
		fault.Fingerprint, fault.CheckedAt = m.Fingerprint, now()
		return m, number, fault
	}
	return proof.New(h, k.Name, version, parts), number, nil
}
