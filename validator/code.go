package validator

import (
	"context"
	"time"
)

// Coded is what code that a provider's file names is given.
type Coded struct {
	Part func(name string) string // "" for a part that the key has not
	With map[string]string        // the parameters, all filled in
	Now  time.Time
}

// A Decoder reads offline what a value tells of itself, as a JSON decoder would
// return it: map[string]any, []any, string, bool, json.Number. Its error is shown: in
// livekey's words, never the value's; the value is malformed then.
type Decoder func(c Coded) (facts map[string]any, err error)

// A Speaker asks an issuer in a protocol that is not HTTP: it connects, logs in, asks
// who it is, and leaves. Safe for concurrent use.
type Speaker interface {
	// Lint says what is wrong with the parameters, before a value is read.
	Lint(with map[string]string) error
	// Hosts are where a value may go, "scheme://host[:port]", with the parameters.
	Hosts(with map[string]string) []string
	// Speak makes one connection, without a retry. The reply is what the issuer
	// said, as a JSON decoder would return it; an error is that no answer came, and is
	// free of values.
	Speak(ctx context.Context, c Coded) (reply map[string]any, err error)
}
