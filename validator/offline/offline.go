// Package offline reads what a value tells of itself, without asking anybody: the
// dates and the owner that are written in a JWT, a certificate, a short-term key.
// Nothing here says that a key lives. Each function is a validator.Decoder; what it
// returns has nothing of the secret inside, and what it does not understand it
// leaves out, because formats grow: malformed is only what nobody could use.
package offline

import (
	"time"
)

// leeway is how far the clocks of this machine and of whoever made a value may differ
// before its dates count.
const leeway = time.Minute

// The facts that every value with dates has. A date is RFC 3339 in UTC.
const (
	starts  = "starts"
	expires = "expires"
	expired = "expired" // true: its end is behind
	early   = "early"   // true: its beginning is ahead
)

// dates says from when to when a value is good; a zero time is one that it does not tell.
func dates(facts map[string]any, from, until, now time.Time) {
	if !from.IsZero() {
		facts[starts] = from.UTC().Format(time.RFC3339)
		facts[early] = from.After(now.Add(leeway))
	}
	if !until.IsZero() {
		facts[expires] = until.UTC().Format(time.RFC3339)
		facts[expired] = until.Before(now.Add(-leeway))
	}
}

// put keeps a text that is not empty.
func put(facts map[string]any, name, text string) {
	if text != "" {
		facts[name] = text
	}
}
