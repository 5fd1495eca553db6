// Package proof holds what was proved. Whoever imports it can be handed the
// value of a managed key; Prove and its named exceptions are the only way from
// Material to a sink.
package proof

import (
	"fmt"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Material is one version of one key, normalized and not yet proved.
type Material struct {
	Key         key.Name
	Version     key.Version
	Fingerprint key.Fingerprint // as secret.Hasher.Version makes it
	Parts       map[key.Part]secret.Value
}

// New makes the Material of one version, fingerprinted by h.
func New(h secret.Hasher, name key.Name, v key.Version, parts map[key.Part]secret.Value) Material {
	m := Material{Key: name, Version: v, Fingerprint: h.Version(parts), Parts: parts}
	if m.Version == "" { // a source without versions: the bytes are the version
		m.Version = key.Version(m.Fingerprint.String())
	}
	return m
}

// Proved is Material that may pass to a sink: its issuer answered live for
// exactly these bytes, or one of the named exceptions holds. Only this package
// makes one.
type Proved struct {
	m        Material
	unproved key.Reason
}

// Material returns what was proved.
func (p Proved) Material() Material { return p.m }

// Unproved is the reason why nobody proved it, empty for a version that an
// issuer called live.
func (p Proved) Unproved() key.Reason { return p.unproved }

// Prove refuses a verdict that is not live or was not made for m.
func Prove(m Material, v key.Verdict) (Proved, error) {
	if v.Outcome != key.Live || !madeFor(m, v) {
		return Proved{}, fmt.Errorf("prove %s: verdict %s/%s is not live for these bytes", m.Key, v.Outcome, v.Reason)
	}
	return Proved{m: m}, nil
}

func madeFor(m Material, v key.Verdict) bool {
	return m.Fingerprint != "" && v.Fingerprint == m.Fingerprint
}
