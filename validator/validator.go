// Package validator is the contract of what proves a key, and the gates that all
// probes pass: one per equal key, a rate per host, Retry-After, a budget and the
// control call. It cannot write anywhere.
package validator

import (
	"context"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
)

// A Checker asks one issuer with exactly the bytes of m, one call, no retry. Every
// answer, also none, is a Verdict whose Fingerprint is m's; what could not be
// learned is key.Unknown with its reason. Safe for concurrent use.
type Checker interface {
	Check(ctx context.Context, m proof.Material) key.Verdict
}

// A Controller asks the issuer with a made-up credential of the right shape. A 4xx
// with the issuer's mark, 429 too, is reported as dead: the road is good. Unknown
// says what is wrong with it.
type Controller interface {
	Control(ctx context.Context) key.Verdict
}

// A Hoster tells every host that will see a value, as "scheme://host[:port]",
// known before the value is read. Empty means that nobody is asked.
type Hoster interface {
	Hosts() []string
}
