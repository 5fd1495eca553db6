package key

import "fmt"

// Outcome is what a probe says about a key's life.
type Outcome uint8

// The outcomes. Unknown is the zero value: it never replaces a verdict that is known.
const (
	Unknown Outcome = iota
	Live
	Dead
)

var outcomes = [...]string{Unknown: "unknown", Live: "live", Dead: "dead"}

func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return fmt.Sprintf("outcome(%d)", o)
}

// MarshalText writes the outcome as its name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name that MarshalText wrote.
func (o *Outcome) UnmarshalText(b []byte) error {
	for i, name := range outcomes {
		if name == string(b) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("outcome %q is none of unknown, live, dead", b)
}

// Reason says why an outcome is what it is. The set is fixed: users match on it.
type Reason string

// Reasons of Live.
const (
	Valid        Reason = "valid"
	LimitedScope Reason = "limited_scope" // lives; the probe may not see everything
	RateLimited  Reason = "rate_limited"  // lives; asked again after Retry-After
	Blocked      Reason = "blocked"       // authenticates, cannot be used; Verdict.Which says why
)

// Reasons of Dead. Malformed and a date of its own are faults seen without a call.
const (
	Invalid   Reason = "invalid"
	Expired   Reason = "expired"
	Revoked   Reason = "revoked"
	Malformed Reason = "malformed"
)

// Reasons of Unknown.
const (
	NotYetAsked     Reason = "not_yet_asked"
	Transient       Reason = "transient"       // transport, 5xx, 529: ask again
	Intercepted     Reason = "intercepted"     // somebody between us and the issuer answered
	Unauthenticated Reason = "unauthenticated" // a rejection without the issuer's mark
	WrongAuthMethod Reason = "wrong_auth_method"
	Misconfigured   Reason = "misconfigured"
	Unsupported     Reason = "unsupported"
	NoProvider      Reason = "no_provider" // the config says that nobody can prove this key
)

// Rank orders what may replace what: a version is replaced only by one that
// ranks at least as high. Unknown has no rank of its own: ok is false, and the
// last known verdict counts. Versions of a key without a provider are equal.
func (v Verdict) Rank() (rank int, ok bool) {
	switch v.Outcome {
	case Dead:
		return 0, true
	case Live:
		switch v.Reason {
		case Blocked:
			return 1, true
		case RateLimited:
			return 2, true
		default:
			return 3, true
		}
	default:
		return 3, v.Reason == NoProvider
	}
}

// Rejected says whether the issuer itself refused this key in this answer.
func (v Verdict) Rejected() bool { return v.Outcome == Dead && v.Reason != Malformed }

// Unasked says whether the verdict is of the kind that P1's exceptions allow:
// the issuer could not be asked, or somebody in between answered for it.
func (v Verdict) Unasked() bool {
	return v.Outcome == Unknown && (v.Reason == Transient || v.Reason == Intercepted)
}
