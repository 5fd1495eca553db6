package engine

import (
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/rotation"
)

// materials are the values of one key that livekey holds: those of its current
// version, of a candidate and of the old versions that are still watched. They are
// few: mostly one.
type materials []holding

// holding is what is held of one version.
type holding struct {
	print    key.Fingerprint
	material *proof.Material // nil: nobody needs its bytes any more
	verdict  key.Verdict     // the last
}

// of returns what is held of f, to be changed.
func (m *materials) of(f key.Fingerprint) *holding {
	i := slices.IndexFunc(*m, func(h holding) bool { return h.print == f })
	if i < 0 {
		i = len(*m)
		*m = append(*m, holding{print: f})
	}
	return &(*m)[i]
}

func (m *materials) put(p proof.Material) { m.of(p.Fingerprint).material = &p }

func (m *materials) heard(v key.Verdict) { m.of(v.Fingerprint).verdict = v }

func (m materials) get(f key.Fingerprint) (proof.Material, bool) {
	for _, h := range m {
		if h.print == f && h.material != nil {
			return *h.material, true
		}
	}
	return proof.Material{}, false
}

func (m materials) verdict(f key.Fingerprint) key.Verdict {
	for _, h := range m {
		if h.print == f {
			return h.verdict
		}
	}
	return key.Verdict{}
}

// keepOnly drops what no version of s needs: a value is held for a reason or not at all.
func (m *materials) keepOnly(s *rotation.State) {
	*m = slices.DeleteFunc(*m, func(h holding) bool { return s.Find(h.print) == nil })
	for i := range *m {
		if h := &(*m)[i]; s.Find(h.print).Retired && s.Stage(h.print) == key.StageRetired {
			h.material = nil
		}
	}
}
