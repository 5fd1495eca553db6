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

// An Identifier names what a Checker asks: issuer, address and parameters. Two
// checkers with equal IDs give equal verdicts for equal material, so its probes
// are shared.
type Identifier interface {
	ID() string
}

// A Chooser is a Checker that stands for several, of which the value decides. The
// Prober asks it first, so that every gate is the chosen one's own: its host, its
// rate, its control.
type Chooser interface {
	Choose(m proof.Material) Checker
}

// A Pinner names the fields of an Identity by which an owner is told from
// another. Other fields are shown and never compared.
type Pinner interface {
	Pins() []string
}

// An Explainer is a Checker whose rejections may lack the issuer's mark. Its Check
// reports those as key.Unknown; Explain leaves the judgment to the Prober, which
// knows how the host answers a made-up credential.
type Explainer interface {
	Checker
	Explain(ctx context.Context, m proof.Material) Answer
	// ExplainControl is Control for the class of credential that m is of.
	// m's value is not sent.
	ExplainControl(ctx context.Context, m proof.Material) Answer
	// NeedsShape says that some rejection of this issuer is known only by the
	// shape of its answer.
	NeedsShape() bool
}

// Answer is a verdict and how it is known.
type Answer struct {
	Verdict key.Verdict
	// Marked says that the answer carries the issuer's mark: its authentic_if
	// holds, or the rule that matched names a body field or text.
	Marked bool
	// Local says that the value itself told, and nobody was asked.
	Local bool
	// Shape is what an answer has in common with every other of its kind: status,
	// JSON keys, header names. Empty if there was none.
	Shape string
}

// Settle is the verdict of an answer that nobody else vouches for: a rejection
// without the issuer's mark is unknown.
func (a Answer) Settle() key.Verdict {
	v := a.Verdict
	if v.Rejected() && !a.Marked {
		v.Outcome, v.Reason = key.Unknown, key.Unauthenticated
		v.Detail = "refused without the issuer's mark, which a proxy or firewall may do as well: " + v.Detail
	}
	return v
}

// None checks keys that no issuer can prove. It asks nobody.
var None Checker = none{}

type none struct{}

func (none) Check(_ context.Context, m proof.Material) key.Verdict {
	return key.Verdict{
		Reason:      key.NoProvider,
		Detail:      "provider: none, so nobody can say whether this key lives",
		Fingerprint: m.Fingerprint,
	}
}

func (none) Hosts() []string { return nil }
func (none) ID() string      { return "none" }
