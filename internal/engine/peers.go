package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Peer is another livekey. Safe for concurrent use.
type Peer interface {
	// Status is what `livekey status --output json` prints there.
	Status(ctx context.Context) (report.Status, error)
}

// peerSight is how old a peer's look for holders may be: it looks at least this often
// while there is an old version to look for.
const peerSight = lookEvery + lookEvery/2

// peerAnswer is what one peer answered.
type peerAnswer struct {
	status report.Status
	err    error
}

// askPeers asks every peer that is declared as a consumer, side by side. The answers are
// there once wg is done.
func (k *keyRun) askPeers(ctx context.Context, wg *sync.WaitGroup) map[string]peerAnswer {
	var mu sync.Mutex
	answers := map[string]peerAnswer{}
	for _, c := range k.Consumers {
		p := k.e.peers[c.Name()]
		if c.Kind() != key.ConsumerHost || p == nil {
			continue
		}
		wg.Go(func() {
			var a peerAnswer
			a.status, a.err = p.Status(ctx)
			mu.Lock()
			defer mu.Unlock()
			answers[c.Name()] = a
		})
	}
	return answers
}

// peer says whether a whole host has left the old versions, as the livekey there sees it.
func (q *audit) peer(c key.Consumer, got peerAnswer) (report.InScope, answer) {
	s := report.InScope{How: byPeer}
	if got.err != nil {
		s.Detail = got.err.Error()
		return s, untold
	}
	there, known := peerKey(got.status, q.k.Name)
	if there.Current != nil && len(there.Current.Fingerprint) == len(q.told.Current.Fingerprint) {
		s.Fingerprint, s.At = there.Current.Fingerprint, there.Current.DeliveredAt
	}
	switch {
	case got.status.Epoch != q.k.e.hasher.Epoch():
		s.Detail = "its fingerprints are made under another salt: give both the same salt_file"
		return s, untold
	case !known:
		s.Detail = "it has no key of this name"
		return s, untold
	case there.Current == nil:
		s.Detail = "it has delivered no version yet"
		return s, nope
	case there.Current.Fingerprint != q.told.Current.Fingerprint:
		s.Detail = "it has delivered another version"
		return s, nope
	}
	a, why := judgePeer(there, now())
	if s.Detail = why; a == yes {
		q.k.e.adopted(q.k.Name, c, q.state.Current.Fingerprint, byPeer)
	}
	return s, a
}

func peerKey(s report.Status, name key.Name) (report.Key, bool) {
	i := slices.IndexFunc(s.Keys, func(k report.Key) bool { return k.Name == name })
	if i < 0 {
		return report.Key{}, false
	}
	return s.Keys[i], true
}

// judgePeer says whether everybody at a peer, which has the version in question, has it too.
func judgePeer(k report.Key, at time.Time) (answer, string) {
	for _, s := range k.Sinks {
		switch {
		case s.Fingerprint != k.Current.Fingerprint, s.Error != "":
			return nope, "its sink " + s.Name + " lacks the new version"
		case s.ReloadOwed:
			return nope, "consumers of its sink " + s.Name + " are still to be told"
		}
	}
	switch h := k.Holders; {
	case h != nil && h.Older > 0:
		return nope, fmt.Sprintf("%d there still hold an old version", h.Older)
	case h == nil:
		return untold, "nobody looks for holders there"
	case h.Unseen > 0:
		return untold, places(h.Unseen) + " there could not be looked at"
	case h.LookedAt.Before(k.Current.DeliveredAt):
		return untold, "nobody has looked for holders there since the new version was delivered"
	case at.Sub(h.LookedAt) > peerSight:
		return untold, "the last look for holders there was " + h.LookedAt.Format(time.RFC3339)
	}
	return yes, ""
}
