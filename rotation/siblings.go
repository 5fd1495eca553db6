package rotation

import (
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Times of an issuer that refuses several keys at once.
const (
	siblingsWithin = 5 * time.Minute
	siblingsWait   = 15 * time.Minute
)

// Siblings is what the keys at one host say about their issuer. The zero
// Siblings has heard nothing.
type Siblings struct {
	Rejected map[key.Name]time.Time // current versions, by the time of their first rejection in a row
	Since    time.Time              // when it became clear that several are refused at once; zero: it is not
}

// Names are the keys that are refused now, sorted.
func (s Siblings) Names() []key.Name { return slices.Sorted(maps.Keys(s.Rejected)) }

// Saw takes note of the issuer's answer about the current version of one key, and
// says what all answers together mean. Two or more keys refused within five
// minutes, and none called live since, look like trouble at the issuer: for
// fifteen minutes nobody is called dead. An answer that says nothing about the
// key changes nothing.
func (s Siblings) Saw(name key.Name, v key.Verdict, now time.Time) (Siblings, Issuer) {
	switch {
	case v.Outcome == key.Live:
		return Siblings{}, IssuerFine
	case v.Rejected() && s.Rejected[name].IsZero():
		rejected := maps.Clone(s.Rejected)
		if rejected == nil {
			rejected = map[key.Name]time.Time{}
		}
		rejected[name] = now
		s.Rejected = rejected
		if s.Since.IsZero() {
			for other, at := range rejected {
				if other != name && now.Sub(at) <= siblingsWithin {
					s.Since = now
				}
			}
		}
	}
	switch {
	case s.Since.IsZero():
		return s, IssuerFine
	case now.Sub(s.Since) < siblingsWait:
		return s, IssuerSuspect
	default:
		return s, IssuerGone
	}
}
