package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// Who says which version a consumer has. The texts are fixed: status and the evidence of a
// rotation show them.
const (
	byScan   = "seen by a scan"
	byItself = "said so itself"
	byOther  = "said in its name" // by who may read the sink, and of whom nobody can see who it is
	byPeer   = "another livekey says so"
)

// trust orders whom of two is believed to say the same.
var trust = map[string]int{byOther: 1, byItself: 2, byPeer: 2, byScan: 3}

// maxAdoptions bounds what is kept of one key: containers come and go by new names.
const maxAdoptions = 256

// adoptions is the record of one key: the version that each consumer was last known to
// have. Of a consumer that nobody sees or hears any more the last word stays, for
// absence proves nothing.
type adoptions map[key.Consumer]adoption

type adoption struct {
	Fingerprint key.Fingerprint `json:"fingerprint"`
	Since       time.Time       `json:"since"`
	How         string          `json:"how"`
}

// adopted notes that a consumer has the version f, and who says so. The same said again is
// not written; the word of who can know better replaces another's about the same version.
func (e *Engine) adopted(name key.Name, c key.Consumer, f key.Fingerprint, how string) {
	k := e.keys[name]
	if k == nil || c == "" {
		return
	}
	e.adopting.Lock()
	defer e.adopting.Unlock()
	all, err := e.store.adoptions(name)
	if err != nil {
		e.keep(err)
		return
	}
	was := all[c]
	if was.Fingerprint == f && trust[how] <= trust[was.How] {
		return
	}
	since := now()
	if was.Fingerprint == f {
		since = was.Since
	}
	all[c] = adoption{Fingerprint: f, Since: since, How: how}
	all.forget(append([]key.Consumer{c}, k.Consumers...))
	e.keep(e.store.Put(kindAdoption, string(name), all))
	if was.Fingerprint == f || k.stage(f) != key.StageCurrent {
		return
	}
	e.log.Info("version adopted", "key", name, "fingerprint", f, "consumer", c, "how", how)
	e.witness(name, f, trail.Step{At: since, What: trail.Adopted, Where: string(c), Detail: how})
}

// forget drops the longest known of too many; never one of keep: who is new, and who is declared.
func (all adoptions) forget(keep []key.Consumer) {
	for len(all) > maxAdoptions {
		var oldest key.Consumer
		for c, a := range all {
			if !slices.Contains(keep, c) && (oldest == "" || cmp.Or(a.Since.Compare(all[oldest].Since), cmp.Compare(c, oldest)) < 0) {
				oldest = c
			}
		}
		if oldest == "" {
			return // so many are declared
		}
		delete(all, oldest)
	}
}

// adoptions tells of every consumer of the key that is known which version it has, by name.
// Only where the stage is current has it adopted what is delivered.
func (e *Engine) adoptions(name key.Name) []report.Adoption {
	k := e.keys[name]
	all, err := e.store.adoptions(name)
	if k == nil || err != nil || len(all) == 0 {
		return nil
	}
	state := k.snapshot()
	return describeAdoptions(all, state)
}

func describeAdoptions(all adoptions, state rotation.State) []report.Adoption {
	var told []report.Adoption
	for _, c := range slices.Sorted(maps.Keys(all)) {
		a := all[c]
		told = append(told, report.Adoption{
			Consumer: c, Fingerprint: a.Fingerprint.String(), Stage: state.Stage(a.Fingerprint), Since: a.Since, How: a.How,
		})
	}
	return told
}

// noteAdoption takes what a look for holders found of one key. A consumer that was seen
// with the current version and with no older one has adopted it; one that was seen with
// any older one has not, whatever else it has. Nothing is kept of a key that has had one
// version only.
func (e *Engine) noteAdoption(name key.Name, s rotation.Sighted) {
	k := e.keys[name]
	if k == nil {
		return
	}
	state := k.snapshot()
	if state.Current == nil || len(state.Older) == 0 {
		return
	}
	has := map[key.Consumer]key.Fingerprint{}
	for _, c := range s.Holders[state.Current.Fingerprint] {
		has[c] = state.Current.Fingerprint
	}
	for _, old := range slices.Backward(state.Older) { // the newest of several is what is told
		for _, c := range s.Holders[old.Fingerprint] {
			has[c] = old.Fingerprint
		}
	}
	for _, c := range slices.Sorted(maps.Keys(has)) {
		e.adopted(name, c, has[c], byScan)
	}
}

// stage says where a version of the key stands; "" if it is none.
func (k *keyRun) stage(f key.Fingerprint) key.Stage {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Stage(f)
}
