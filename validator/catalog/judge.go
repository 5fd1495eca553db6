package catalog

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
)

// judge says what an answer means for a key of this class. It is pure. The
// verdict holds nothing of the answer but its status.
func (c *class) judge(a *answer, now time.Time) validator.Answer {
	v, gated := a.gate(now, c.knowsWord(a))
	if gated {
		v.HTTPStatus = a.status
		return validator.Answer{Verdict: v, Shape: a.shape()}
	}
	r := c.match(a)
	if r == nil {
		v = c.unmatched(a)
	} else {
		v = r.verdict()
	}
	v.HTTPStatus = a.status
	if v.Reason == key.RateLimited || v.Outcome == key.Unknown && a.status == http.StatusTooManyRequests {
		v.RetryAfter = httpclient.RetryAfter(a.header.Get("Retry-After"), now)
	}
	return validator.Answer{Verdict: v, Marked: c.marked(a, r), Shape: a.shape()}
}

// verdict is what the rule says of an answer that it is about.
func (r *rule) verdict() key.Verdict {
	return key.Verdict{Outcome: r.Outcome, Reason: r.Reason, Which: r.Which, Detail: cmp.Or(r.Detail, usual[r.Reason])}
}

func (c *class) match(a *answer) *rule {
	for i := range c.rules {
		if c.rules[i].matches(a) {
			return &c.rules[i]
		}
	}
	return nil
}

// knowsWord says whether the whole body is a word that some rule is about.
func (c *class) knowsWord(a *answer) bool {
	for i := range c.rules {
		if r := &c.rules[i]; len(r.BodyIs) > 0 && r.matches(a) {
			return true
		}
	}
	return false
}

// marked says whether the answer is the issuer's own: its authentic_if holds, or
// the rule that matched, if any, knows it by its body. A rule that knows an
// answer of somebody else by its body marks nothing.
func (c *class) marked(a *answer, r *rule) bool {
	if r != nil && r.namesBody() {
		return r.Reason != key.Unauthenticated && r.Reason != key.Intercepted
	}
	return c.provider.authentic(a)
}

func (p *Provider) authentic(a *answer) bool {
	for i := range p.authenticIf {
		if !p.authenticIf[i].holds(a) {
			return false
		}
	}
	return len(p.authenticIf) > 0
}

// unmatched judges an answer that no rule is about.
func (c *class) unmatched(a *answer) key.Verdict {
	switch authentic := c.provider.authentic(a); {
	case authentic:
		return unknown(key.Unsupported, fmt.Sprintf("the issuer answered %d in a way that livekey does not know", a.status))
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return unknown(key.Unauthenticated, fmt.Sprintf("refused (%d) without the issuer's mark, which a proxy or firewall may do as well", a.status))
	case a.status == http.StatusTooManyRequests:
		return unknown(key.Transient, "too many calls from this address (429)")
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed, a.status == http.StatusGone:
		return unknown(key.Misconfigured, fmt.Sprintf("this call does not exist there (%d); is base_url right?", a.status))
	}
	return unknown(key.Intercepted, fmt.Sprintf("an answer came (%d) that is not the issuer's", a.status))
}

// usual is what a verdict says whose rule has no sentence of its own.
var usual = map[key.Reason]string{
	key.Valid:           "the issuer accepts this key",
	key.LimitedScope:    "the issuer knows this key, which may not see what livekey asks for",
	key.RateLimited:     "the issuer knows this key and limits its rate",
	key.Blocked:         "the issuer knows this key and does not let it be used",
	key.Invalid:         "the issuer refuses this key",
	key.Expired:         "the issuer says that this key has expired",
	key.Revoked:         "the issuer says that this key was revoked",
	key.Transient:       "the issuer could not answer",
	key.Intercepted:     "somebody between livekey and the issuer answered",
	key.Unauthenticated: "refused without the issuer's mark",
	key.WrongAuthMethod: "the key was sent in a way that the issuer does not accept",
	key.Misconfigured:   "the call does not fit this key; check base_url and with:",
	key.Unsupported:     "livekey cannot judge this answer",
}

// judgeControl says what the answer to a made-up credential means for the road:
// a rejection with the issuer's mark is dead, and that is good.
func (c *class) judgeControl(a *answer, now time.Time) validator.Answer {
	v, gated := a.gate(now, c.knowsWord(a))
	if gated {
		v.HTTPStatus = a.status
		return validator.Answer{Verdict: v}
	}
	r := c.match(a)
	accepted := a.status/100 == 2 && (r == nil || r.Outcome != key.Dead) // some issuers refuse under a 200
	if accepted || r != nil && r.Reason == key.Valid {                   // and some let a key in under a 400
		v = unknown(key.Intercepted, "a made-up credential was accepted")
		if r != nil && r.Outcome == key.Unknown {
			v = unknown(r.Reason, "a made-up credential was neither accepted nor refused")
		}
		v.HTTPStatus = a.status
		return validator.Answer{Verdict: v}
	}
	v = key.Verdict{Outcome: key.Dead, Reason: key.Invalid, Detail: "a made-up credential was refused", HTTPStatus: a.status}
	return validator.Answer{Verdict: v, Marked: c.marked(a, r), Shape: a.shape()}
}
