package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/rotation"
)

// inheritSinks makes what sinks of livekey's have of a key the current version of it, if the
// journal knows of none: another livekey delivered it, and has what was known of it. Nothing
// but that is believed: the issuer is asked about it at once. Sinks that do not agree were
// left in the middle of a rotation, and say nothing.
func (k *keyRun) inheritSinks() {
	var found *proof.Material
	for _, s := range k.sinks {
		s.mu.Lock()
		n := s.kept[k.Name]
		s.mu.Unlock()
		if n == nil {
			continue
		}
		m := n.proved.Material()
		if found != nil && found.Fingerprint != m.Fingerprint {
			return
		}
		found = &m
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if found == nil || k.state.Current != nil || k.state.Delivering != nil || len(k.state.Older) > 0 {
		return
	}
	at := now()
	k.state.Current = &rotation.Version{
		Fingerprint: found.Fingerprint, Parts: partPrints(k.e.hasher, *found), Seen: at, SeenLast: at, Delivered: at,
		Latest: key.Verdict{Fingerprint: found.Fingerprint, Reason: key.NotYetAsked},
	}
	k.materials.put(*found)
	k.e.log.Info("taken over from another livekey", "key", k.Name, "fingerprint", found.Fingerprint, "stage", key.StageCurrent)
}
