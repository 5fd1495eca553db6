package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"
)

// Errors that Fetch wraps, beside key.ErrNotFound. Their texts and what stands around
// them are livekey's own: what a server says may quote a record.
var (
	ErrDenied     = errors.New("permission denied")
	ErrLogin      = errors.New("login refused")
	ErrNoMount    = errors.New("nothing is mounted")
	ErrVersion    = errors.New("another version of the KV engine")
	ErrDeleted    = errors.New("deleted")
	ErrSealed     = errors.New("Vault is sealed")
	ErrStandby    = errors.New("this node of Vault is a standby")
	ErrRedirected = errors.New("redirected")
	ErrBusy       = errors.New("Vault cannot answer now")
	ErrAnswer     = errors.New("not an answer of Vault's")
)

// Phrases in Vault's errors that tell one case of a status from another.
const (
	noRoute      = "no handler for route"
	noToken      = "invalid token"
	isSealed     = "Vault is sealed"
	noActiveNode = "active cluster node not found"
	upgrading    = "Upgrading from non-versioned to versioned"
	isVersioned  = "Invalid path for a versioned K/V secrets engine" // a warning, not an error
)

// Statuses by which a node says that it is a standby.
const (
	statusDRSecondary        = 472
	statusPerformanceStandby = 473
)

// says tells whether one of Vault's errors has phrase in it.
func (a answer) says(phrase string) bool {
	var e api.ErrorResponse
	return json.Unmarshal(a.body, &e) == nil && containsPhrase(e.Errors, phrase)
}

// warns tells the same of Vault's warnings.
func (a answer) warns(phrase string) bool {
	var w struct {
		Warnings []string `json:"warnings"`
	}
	return json.Unmarshal(a.body, &w) == nil && containsPhrase(w.Warnings, phrase)
}

func containsPhrase(texts []string, phrase string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, phrase) })
}

// health is what sys/health answers; a load balancer may answer with it for others.
func (a answer) health() (h api.HealthResponse) {
	if json.Unmarshal(a.body, &h) != nil {
		return api.HealthResponse{}
	}
	return h
}

// complains says whether the answer has errors as Vault writes them. A firewall's page has none.
func (a answer) complains() bool {
	var e api.ErrorResponse
	return json.Unmarshal(a.body, &e) == nil && len(e.Errors) > 0
}

// denied says whether Vault itself answered 403. A firewall's page is no reason to log in again.
func (a answer) denied() bool { return a.status == http.StatusForbidden && a.complains() }

// bad says whether Vault itself answered 400, and for what it was asked, not for the moment.
func (a answer) bad() bool {
	return a.status == http.StatusBadRequest && a.complains() && !a.says(isSealed) && !a.says(upgrading)
}

// refusal is the error for an answer to a read that is neither a record nor "not found".
func (a answer) refusal(at location) error {
	if a.denied() {
		return fmt.Errorf("%w (403), with a fresh token too: the token's policy must say %s", ErrDenied, at.policy())
	}
	return a.unavailable()
}

// unavailable is the error for an answer that says nothing about what was asked.
func (a answer) unavailable() error {
	switch {
	case a.status >= 300 && a.status < 400:
		return fmt.Errorf("%w (%d), and livekey never carries a token elsewhere: a standby does this; "+
			"set address to the active node or the load balancer", ErrRedirected, a.status)
	case a.says(isSealed), a.health().Sealed:
		return fmt.Errorf("%w (%d): unseal it with `vault operator unseal`", ErrSealed, a.status)
	case a.status == statusDRSecondary, a.status == statusPerformanceStandby, a.health().Standby, a.says(noActiveNode):
		return fmt.Errorf("%w (%d): set address to the active node or the load balancer", ErrStandby, a.status)
	case a.status == http.StatusTooManyRequests:
		return fmt.Errorf("%w (429): a rate limit quota is used up; see `vault list sys/quotas/rate-limit`", ErrBusy)
	case a.says(upgrading):
		return fmt.Errorf("%w (%d): the engine is being upgraded to KV version 2, which takes about a second", ErrBusy, a.status)
	case a.status >= 500:
		return fmt.Errorf("%w (%d): see Vault's own log", ErrBusy, a.status)
	default:
		return fmt.Errorf("%w: unexpected status %d; does the address lead to Vault?", ErrAnswer, a.status)
	}
}
