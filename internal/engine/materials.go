package engine

import (
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/rotation"
)

// materials are the values of one key that livekey holds: those of its current
// version, of a candidate and of the old versions that are still watched.
type materials struct {
	byPrint  map[key.Fingerprint]proof.Material
	verdicts map[key.Fingerprint]key.Verdict // the last of each
}

func newMaterials() materials {
	return materials{byPrint: map[key.Fingerprint]proof.Material{}, verdicts: map[key.Fingerprint]key.Verdict{}}
}

func (m materials) put(p proof.Material) { m.byPrint[p.Fingerprint] = p }

func (m materials) get(f key.Fingerprint) (proof.Material, bool) {
	p, ok := m.byPrint[f]
	return p, ok
}

func (m materials) heard(v key.Verdict) { m.verdicts[v.Fingerprint] = v }

func (m materials) verdict(f key.Fingerprint) key.Verdict { return m.verdicts[f] }

// keepOnly drops what no version of s needs: a value is held for a reason or not at all.
func (m materials) keepOnly(s *rotation.State) {
	for f := range m.byPrint {
		if v := s.Find(f); v == nil || v.Retired && s.Stage(f) == key.StageRetired {
			delete(m.byPrint, f)
		}
	}
	for f := range m.verdicts {
		if s.Find(f) == nil {
			delete(m.verdicts, f)
		}
	}
}
