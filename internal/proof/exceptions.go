package proof

import (
	"fmt"

	"github.com/livekey/livekey/internal/key"
)

// An Exception is a named way to a sink without a live answer. Every one is
// shown as unproved, with its reason, wherever the key is shown.
type Exception string

// The exceptions of promise P1, and the one that P3 asks for.
const (
	// NoProvider: the config says that no issuer can prove this key.
	NoProvider Exception = "no_provider"
	// KnownLive: the sink is empty, the journal knows this version as live, and
	// its issuer cannot be asked now.
	KnownLive Exception = "known_live"
	// PublishIfEmpty: the sink is empty, the issuer cannot be asked now, and the
	// config says on_unknown: publish_if_empty.
	PublishIfEmpty Exception = "publish_if_empty"
	// Kept: the sink itself holds exactly these bytes. Rewriting it for another
	// key moves them and delivers nothing, so no verdict may drop them.
	Kept Exception = "kept"
)

// Except makes a Proved by an exception. It refuses a verdict that does not
// allow e or was not made for m.
func Except(e Exception, m Material, v key.Verdict) (Proved, error) {
	ok := false
	switch e {
	case NoProvider:
		ok = v.Outcome == key.Unknown && v.Reason == key.NoProvider
	case KnownLive, PublishIfEmpty:
		ok = v.Unasked()
	case Kept:
		ok = true
	}
	if !ok || !madeFor(m, v) {
		return Proved{}, fmt.Errorf("deliver %s unproved (%s): verdict %s/%s does not allow it", m.Key, e, v.Outcome, v.Reason)
	}
	if v.Outcome == key.Live {
		return Proved{m: m}, nil
	}
	return Proved{m: m, unproved: v.Reason}, nil
}
