package engine

import (
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// unreachableTell is how long an issuer may say nothing before somebody is told.
const unreachableTell = 5 * time.Minute

// hosts hears every verdict, and tells what those of one host mean together.
type hosts struct {
	desk *desk
	mu   sync.Mutex
	all  map[string]*host
}

type host struct {
	siblings rotation.Siblings
	silent   time.Time // since when nobody there has answered
}

func newHosts(d *desk) *hosts { return &hosts{desk: d, all: map[string]*host{}} }

func hostSubject(name string) string { return "host/" + name }

// heard takes note of a verdict and returns what the key's siblings say.
func (h *hosts) heard(k *keyRun, v key.Verdict, at time.Time) rotation.Issuer {
	if k.Host == "" || v.Reason == key.NotYetAsked {
		return rotation.IssuerFine
	}
	k.mu.Lock()
	stage := k.state.Stage(v.Fingerprint)
	k.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	there := h.all[k.Host]
	if there == nil {
		there = &host{}
		h.all[k.Host] = there
	}
	h.silence(k, there, v, at)
	if stage != key.StageCurrent {
		return rotation.IssuerFine
	}
	var issuer rotation.Issuer
	there.siblings, issuer = there.siblings.Saw(k.Name, v, at)
	h.tell(k, there.siblings, issuer, v)
	return issuer
}

// silence opens an alert when an issuer cannot be asked for a while.
func (h *hosts) silence(k *keyRun, there *host, v key.Verdict, at time.Time) {
	subject := hostSubject(k.Host)
	if !v.Unasked() {
		there.silent = time.Time{}
		h.desk.resolve(subject, key.IssuerUnreachable, "it answers again")
		return
	}
	if there.silent.IsZero() {
		there.silent = at
	}
	if at.Sub(there.silent) < unreachableTell {
		return
	}
	h.desk.open(subject, "", k.Provider, nil, rotation.Open{
		Cause: key.IssuerUnreachable, Severity: key.Warning,
		Summary:  k.Provider + " at " + k.Host + " cannot be asked; what is delivered stays",
		Evidence: map[string]string{"host": k.Host, "reason": string(v.Reason), "detail": v.Detail},
		Actions:  []string{"look for an outage of " + k.Provider + ", or a proxy between it and this host"},
	})
}

// tell speaks once for all keys of a host.
func (h *hosts) tell(k *keyRun, s rotation.Siblings, issuer rotation.Issuer, v key.Verdict) {
	subject := hostSubject(k.Host)
	var names []string
	for _, name := range s.Names() {
		names = append(names, "key "+string(name))
	}
	switch issuer {
	case rotation.IssuerFine:
		if v.Outcome == key.Live { // also what a run before this one opened
			h.desk.resolve(subject, key.IssuerSuspect, "a key of this host lives")
			h.desk.resolve(subject, key.KeyDead, "a key of this host lives")
		}
	case rotation.IssuerSuspect:
		h.desk.open(subject, "", k.Provider, names, rotation.Open{
			Cause: key.IssuerSuspect, Severity: key.Warning,
			Summary:  k.Provider + " refuses several keys at once; nobody is called dead before this has lasted",
			Evidence: map[string]string{"host": k.Host},
			Actions:  []string{"look for an outage of " + k.Provider + ", or a revocation of the whole account"},
		})
	case rotation.IssuerGone:
		h.desk.resolve(subject, key.IssuerSuspect, "it has lasted: the keys are dead")
		h.desk.open(subject, "", k.Provider, names, rotation.Open{
			Cause: key.KeyDead, Severity: key.Critical,
			Summary:  k.Provider + " refuses all these keys, and no source has others that live",
			Evidence: map[string]string{"host": k.Host},
			Actions:  []string{"make new keys at " + k.Provider + " and put them where the old ones are stored"},
		})
	}
}
