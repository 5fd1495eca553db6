package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// role is what a fingerprint of a part is: of which version of which key, and where that
// one stands now.
type role struct {
	key     key.Name
	version key.Fingerprint
	id      key.Version
	stage   report.Held
}

// roles are those of every part of every version that was ever delivered. A part that
// several versions of a key share, a user name for one, is the newest's.
func (e *Engine) roles() map[key.Fingerprint][]role {
	all := make(map[key.Fingerprint][]role, len(e.keys))
	for _, k := range e.keys {
		state := k.snapshot()
		k.add(all, state.Current, report.HeldCurrent)
		k.add(all, state.Delivering, report.HeldCurrent) // a sink may have it in this moment
		for i := range state.Older {
			k.add(all, &state.Older[i], stageOfOld(i, &state.Older[i]))
		}
	}
	return all
}

// add adds the roles of a version, if there is one.
func (k *keyRun) add(to map[key.Fingerprint][]role, v *rotation.Version, stage report.Held) {
	if v == nil {
		return
	}
	for _, f := range v.Prints() {
		if !slices.ContainsFunc(to[f], func(r role) bool { return r.key == k.Name }) {
			to[f] = append(to[f], role{k.Name, v.Fingerprint, v.ID, stage})
		}
	}
}

// stageOfOld says where the version stands that i others replaced before the current did.
func stageOfOld(i int, v *rotation.Version) report.Held {
	switch {
	case v.Retired || v.Last.Outcome == key.Dead:
		return report.HeldDead
	case i == 0:
		return report.HeldPrevious
	default:
		return report.HeldOlder
	}
}

// wanted is what a look looks for.
func (e *Engine) wanted(extra []key.Fingerprint) holders.Wanted {
	w := holders.Wanted{Hasher: e.hasher, Prints: slices.Collect(maps.Keys(e.roles()))}
	for _, f := range extra {
		if !slices.Contains(w.Prints, f) {
			w.Prints = append(w.Prints, f)
		}
	}
	for _, s := range e.sinks {
		if s.Path != "" {
			w.Files = append(w.Files, s.Path)
		}
	}
	slices.Sort(w.Prints)
	slices.Sort(w.Files)
	return w
}

// holdersOf are those who were seen with a version of the key at the last look, by what
// the versions are now: current first.
func (e *Engine) holdersOf(name key.Name) []report.Holder {
	scan, ok := e.scan()
	if !ok {
		return nil
	}
	return e.assign(scan)[name]
}

// assign gives every sighting to the keys that it is about.
func (e *Engine) assign(scan holders.Scan) map[key.Name][]report.Holder {
	if len(scan.Sightings) == 0 {
		return nil
	}
	roles := e.roles()
	all := map[key.Name][]report.Holder{}
	for _, s := range scan.Sightings {
		of := roles[s.Print]
		if s.Print == "" {
			of = e.blindRoles(s)
		}
		for _, r := range of {
			all[r.key] = append(all[r.key], e.holder(s, scan.Sightings, r))
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b report.Holder) int {
			return cmp.Or(cmp.Compare(stageRank[a.Stage], stageRank[b.Stage]), cmp.Compare(a.Kind, b.Kind),
				cmp.Compare(a.Path, b.Path), cmp.Compare(a.PID, b.PID), cmp.Compare(a.Variable, b.Variable))
		})
	}
	return all
}

var stageRank = map[report.Held]int{report.HeldCurrent: 0, report.HeldPrevious: 1, report.HeldOlder: 2, report.HeldDead: 3}

// blindRoles are those of a sighting whose bytes nobody saw: a replaced file that is still
// open, a mount of a single file. Of each key in it, it has the version of when its
// process began; a mount that has the current one so far is told too, for it will not see
// the next.
func (e *Engine) blindRoles(s holders.Sighting) []role {
	var all []role
	for _, sink := range e.sinks {
		if sink.Path == "" || s.Path != sink.Path && !strings.HasPrefix(s.Path, sink.Path+"/") {
			continue
		}
		for _, name := range sink.Keys {
			state := e.keys[name].snapshot()
			c := state.Current
			switch {
			case c == nil:
			case len(state.Older) > 0 && s.Started.Before(c.Delivered):
				old := &state.Older[0]
				all = append(all, role{name, old.Fingerprint, old.ID, stageOfOld(0, old)})
			case s.Kind == holders.OneFile:
				all = append(all, role{name, c.Fingerprint, c.ID, report.HeldCurrent})
			}
		}
	}
	return all
}

// holder is a sighting, of all that there are, as people are told of it.
func (e *Engine) holder(s holders.Sighting, all []holders.Sighting, r role) report.Holder {
	h := holderOf(s)
	h.Key, h.Stage, h.Version = r.key, r.stage, r.version
	if r.stage != report.HeldCurrent || s.Kind == holders.OneFile {
		h.Fix = holders.Fix(s, all, e.keys[r.key].placeFor(s))
	}
	return h
}

// holderOf is a sighting of no key.
func holderOf(s holders.Sighting) report.Holder {
	h := report.Holder{
		Variable: s.Variable, Fingerprint: s.Print.String(), PID: s.PID, User: s.User, Command: s.Command,
		Unit: s.Unit, Container: s.Container, Pod: s.Pod, StartedAt: s.Started,
		Kind: string(s.Kind), Path: s.Path, UserUnit: s.UserUnit, Consumer: s.Consumer(),
	}
	for _, x := range s.Exporters {
		h.Exporters = append(h.Exporters, report.Exporter(x))
	}
	return h
}

// placeFor is where the holder of a key of several sinks may read it: of those that it
// has now, one.
func (k *keyRun) placeFor(s holders.Sighting) string {
	for _, sink := range k.sinks {
		if sink.Path != "" && (s.Path == "" || s.Path != sink.Path) {
			return sink.Path
		}
	}
	return ""
}

// sighted takes note of what a look found, and tells the keys that have old versions.
func (e *Engine) sighted(scan holders.Scan, took time.Duration) {
	w := &e.watch
	w.mu.Lock()
	w.scan, w.took, w.known = scan, took, true
	w.mu.Unlock()
	all := e.assign(scan)
	for name, k := range e.keys {
		state := k.snapshot()
		k.judgeStale(&state, scan, all[name])
		if len(state.Older) == 0 {
			continue
		}
		seen := map[key.Fingerprint][]key.Consumer{}
		for _, h := range all[name] {
			if h.Consumer != "" {
				seen[h.Version] = append(seen[h.Version], h.Consumer)
			}
		}
		for f, consumers := range seen {
			seen[f] = k.notable(consumers)
		}
		told := rotation.Sighted{At: scan.At, Holders: seen, Blind: len(scan.Unseen) > 0}
		e.noteAdoption(name, told)
		k.post(told)
	}
}

// notable are the consumers that are kept, sorted, each once: as many as adoption remembers, and
// of them first those that the key declares. Who has an old version can come by ever new names.
func (k *keyRun) notable(all []key.Consumer) []key.Consumer {
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) <= maxAdoptions {
		return all
	}
	slices.SortStableFunc(all, func(a, b key.Consumer) int {
		return cmp.Compare(slices.Index(k.Consumers, b), slices.Index(k.Consumers, a))
	})
	all = all[:min(len(all), max(maxAdoptions, len(k.Consumers)))]
	slices.Sort(all)
	return all
}

// count is the holders of a status.
func count(all []report.Holder, at time.Time) *report.Holders {
	current, older := map[string]bool{}, map[string]bool{}
	for _, h := range all {
		if h.Stage == report.HeldCurrent {
			current[who(h)] = true
		} else {
			older[who(h)] = true
		}
	}
	return &report.Holders{Current: len(current), Older: len(older), LookedAt: at}
}

// who tells one consumer from another: a process of no unit, container or pod is one of
// its own, whatever others of its name there are.
func who(h report.Holder) string {
	switch {
	case h.Consumer.Kind() == key.ConsumerProcess:
		return fmt.Sprintf("process %s (pid %d) of %s", h.Command, h.PID, cmp.Or(h.User, "an unknown user"))
	case h.Consumer != "":
		return h.Consumer.Kind() + " " + h.Consumer.Name()
	case h.Path != "":
		return h.Kind + " " + h.Path
	default:
		return "the environment of systemd"
	}
}
