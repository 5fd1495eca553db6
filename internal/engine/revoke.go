package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/revoke"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// Times of revoking.
const (
	revokeAsk     = 15 * time.Minute // whether it is safe is asked at least this often,
	revokeShare   = 4                // and this often within the time that it must be safe
	revokeRetry   = time.Minute      // first retry of a call that failed
	revokeLimit   = time.Hour        // and the slowest
	revokeTimeout = time.Minute      // of a call
)

// Revoke is how the old versions of a key are revoked.
type Revoke struct {
	After time.Duration // how long it must have been safe
	By    revoke.Revoker
}

// revoking is what a key remembers between two questions whether it is safe.
type revoking struct {
	mu    sync.Mutex                    // held by the one step that asks and revokes
	since map[key.Fingerprint]time.Time // of every yes in a row, the first
}

// revocation is the record of one version: written before the call, and after it.
type revocation struct {
	Intent time.Time `json:"intent"` // of the last call that began
	Tries  int       `json:"tries"`
	Done   time.Time `json:"done,omitzero"` // revoked: it is never called again
	How    string    `json:"how,omitempty"`
	Failed string    `json:"failed,omitempty"` // why the last call revoked nothing
}

// heardAfterAll is how a version was revoked by a call whose answer nobody heard.
const heardAfterAll = "its issuer refuses it since a call whose answer was not heard"

// due is when the next call may be made after one that failed.
func (r revocation) due(phase float64) time.Time {
	if r.Tries == 0 || r.Failed == "" {
		return time.Time{}
	}
	return r.Intent.Add(schedule.Backoff(r.Tries-1, revokeRetry, revokeLimit, phase))
}

// revokeTimer sets this timer of a key apart from its others.
type revokeTimer struct{ *keyRun }

// planRevoking makes sure that somebody asks whether an old version may be revoked, while
// there is one. Nothing is planned where the config revokes nothing.
func (k *keyRun) planRevoking(after *rotation.State) {
	switch {
	case k.Revoke == nil:
	case revocable(after) != nil:
		k.considerIn(k.revokeEvery())
	default:
		k.nothingToRevoke()
	}
}

// nothingToRevoke ends what was told of versions that are none any more.
func (k *keyRun) nothingToRevoke() {
	k.e.alerts.resolve(k.revokeSubject(), key.SelfDegraded, "its issuer refuses it, or it is forgotten")
}

// revokeEvery is how often it is asked whether it is safe.
func (k *keyRun) revokeEvery() time.Duration { return min(revokeAsk, k.Revoke.After/revokeShare) }

func (k *keyRun) considerIn(wait time.Duration) {
	k.e.timers.set(revokeTimer{k}, now().Add(wait), func() {
		k.e.spawn(func(ctx context.Context) {
			if wait, more := k.considerRevoking(ctx); more && ctx.Err() == nil {
				k.considerIn(wait)
			}
		})
	})
}

// considerRevoking looks at the old versions, the oldest first, and revokes one for which it
// has been safe long enough. There is more to do until every one is revoked or retired.
func (k *keyRun) considerRevoking(ctx context.Context) (wait time.Duration, more bool) {
	if !k.revoking.mu.TryLock() {
		return k.revokeEvery(), true // a step before this one is not done yet
	}
	defer k.revoking.mu.Unlock()
	state := k.snapshot()
	records, err := k.e.store.revocations(k.Name)
	if err != nil {
		k.e.keep(err)
		return k.revokeEvery(), true
	}
	wait = k.revokeEvery()
	for i := range slices.Backward(state.Older) {
		old := &state.Older[i]
		r := records[old.Fingerprint]
		if old.Retired || old.Delivered.IsZero() || !r.Done.IsZero() {
			continue
		}
		more = true
		if old.Rejections > 0 && r.Tries > 0 {
			k.revoked(old, records, heardAfterAll)
			continue
		}
		if old.Rejections > 0 || state.Paused.After(now()) || r.due(k.Policy.Phase).After(now()) {
			continue
		}
		if rest := k.safeFor(ctx, old); rest > 0 {
			wait = min(wait, rest)
		} else {
			k.revoke(ctx, old, records)
		}
	}
	if !more {
		k.nothingToRevoke()
	}
	return wait, more
}

// safeFor asks whether old may be revoked, and returns how long it must still stay safe: 0
// if it has been safe for long enough, and is by an answer of this moment.
func (k *keyRun) safeFor(ctx context.Context, old *rotation.Version) (rest time.Duration) {
	since := k.revoking.since
	ctx, cancel := context.WithTimeout(ctx, safeWithin)
	defer cancel()
	s := k.safe(ctx, old, k.Policy.Probe)
	if s.Safe && since[old.Fingerprint].IsZero() {
		since[old.Fingerprint] = s.AskedAt
	}
	rest = k.Revoke.After - now().Sub(since[old.Fingerprint])
	if s.Safe && rest > 0 {
		return rest
	}
	if s.Safe {
		s = k.safe(ctx, old, freshProof)
	}
	if !s.Safe {
		delete(since, old.Fingerprint)
		return k.revokeEvery()
	}
	return 0
}

// revoke ends a version. Nobody calls it but after a yes of this moment.
func (k *keyRun) revoke(ctx context.Context, old *rotation.Version, records revocations) {
	r := records[old.Fingerprint]
	if r.Tries > 0 { // somebody may have heard the last call, although its answer was not heard
		ask := rotation.Check{Fingerprint: old.Fingerprint, Purpose: rotation.Confirm, Reason: "was it revoked?"}
		checked, ok := k.check(ctx, ask)
		if !ok {
			return
		}
		k.post(checked)
		if checked.Verdict.Rejected() {
			k.revoked(old, records, heardAfterAll)
			return
		}
	}
	r.Intent, r.Failed = now(), ""
	r.Tries++
	records[old.Fingerprint] = r
	if err := k.keepRevocations(records); err != nil {
		return // a call that is not on record could be made twice
	}
	if ctx.Err() != nil {
		return
	}
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout) // one that has begun is finished
	defer cancel()
	how, err := k.Revoke.By.Revoke(call, k.order(old))
	if err == nil {
		k.revoked(old, records, how)
		return
	}
	r.Failed = err.Error()
	records[old.Fingerprint] = r
	_ = k.keepRevocations(records) // told there
	k.notRevoked(old, err)
}

// order is what a revoker needs to know. The values of all other versions are those that
// must survive.
func (k *keyRun) order(old *rotation.Version) revoke.Order {
	o := revoke.Order{Key: k.Name, Version: old.ID, Fingerprint: old.Fingerprint, Identity: old.Last.Identity}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.materials {
		switch {
		case h.material == nil:
		case h.print != old.Fingerprint:
			for _, v := range h.material.Parts {
				o.Others = append(o.Others, v)
			}
		case len(h.material.Parts) == 1:
			for _, v := range h.material.Parts {
				o.Value = v
			}
		}
	}
	return o
}

// revoked notes that a version is revoked. Its issuer is asked, as about every old version,
// until its refusal is confirmed.
func (k *keyRun) revoked(old *rotation.Version, records revocations, how string) {
	r := records[old.Fingerprint]
	r.Done, r.How, r.Failed = now(), how, ""
	records[old.Fingerprint] = r
	_ = k.keepRevocations(records) // told there
	k.e.witnessOld(k.Name, old.Fingerprint, trail.Step{At: r.Done, What: trail.RevokeDone, Detail: how})
	k.e.log.Info("version revoked", "key", k.Name, "version", old.ID, "fingerprint", old.Fingerprint, "how", how)
	k.e.alerts.resolve(k.revokeSubject(), key.SelfDegraded, "it is revoked")
	k.e.spawn(func(ctx context.Context) {
		ask := rotation.Check{Fingerprint: old.Fingerprint, Purpose: rotation.Routine, Reason: "it was revoked"}
		if checked, ok := k.check(ctx, ask); ok {
			k.post(checked)
		}
	})
}

// notRevoked tells that a version that nobody needs any more goes on being valid.
func (k *keyRun) notRevoked(old *rotation.Version, err error) {
	k.e.log.Warn("version not revoked", "key", k.Name, "version", old.ID, "fingerprint", old.Fingerprint, "err", err)
	action := "livekey tries again by itself; the detail says what is in the way"
	if errors.Is(err, revoke.ErrUncertain) {
		action = "revoke it by hand: livekey does not guess which one is meant"
	}
	k.e.alerts.open(k.revokeSubject(), k.Name, k.Provider, k.affected(), rotation.Open{
		Cause: key.SelfDegraded, Severity: key.Warning,
		Summary:  fmt.Sprintf("%s: %s is not needed any more, and livekey could not revoke it", k.Name, trailVersion(old)),
		Evidence: map[string]string{"version": string(old.ID), "fingerprint": old.Fingerprint.String(), "detail": err.Error()},
		Actions:  []string{action},
	})
}

func (k *keyRun) revokeSubject() string { return "revoke/" + string(k.Name) }

// keepRevocations writes the records of a key, on disk when it returns. Those of versions
// that are not watched any more go.
func (k *keyRun) keepRevocations(records revocations) error {
	state := k.snapshot()
	for f := range records {
		if v := state.Find(f); v == nil {
			delete(records, f)
		}
	}
	err := k.e.store.PutSync(kindRevocation, string(k.Name), records)
	k.e.keep(err)
	return err
}

// revocations are the records of one key.
type revocations map[key.Fingerprint]revocation

func (s store) revocations(name key.Name) (revocations, error) {
	all := revocations{}
	if _, err := s.Get(kindRevocation, string(name), &all); err != nil {
		return nil, fmt.Errorf("read the journal of the revocations of key %s: %w", name, err)
	}
	return all, nil
}
