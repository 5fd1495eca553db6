package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// staleLimit is how long consumers have, once every sink has the new version, to restart
// by themselves. Where livekey tells them to, they have until that has ended.
const staleLimit = 10 * time.Minute

// staleAt is when somebody who is still seen with the old version f is told of; zero: not
// yet, because a sink lacks its successor.
func (k *keyRun) staleAt(s *rotation.State, f key.Fingerprint) time.Time {
	v := s.Find(f)
	if v == nil || v.Replaced.IsZero() {
		return time.Time{}
	}
	due := v.Replaced.Add(min(staleLimit, k.Policy.Grace/4))
	if told := k.told(v.Replaced); !told.IsZero() && told.Before(due) {
		return told
	}
	return due
}

// told is when the consumers of every sink had been told of what was delivered at the
// time since, and had come back; zero: not all are, or somebody is told by nobody.
func (k *keyRun) told(since time.Time) (latest time.Time) {
	for _, s := range k.sinks {
		told := s.reloads.toldAt()
		if told.Before(since) {
			return time.Time{}
		}
		if told.After(latest) {
			latest = told
		}
	}
	return latest
}

// judgeStale opens, updates and resolves holders_stale after a look. It ends when nobody
// is seen by a look that could see what was seen before: never because livekey can see
// less.
func (k *keyRun) judgeStale(s *rotation.State, scan holders.Scan, seen []report.Holder) {
	open, isOpen := k.e.alerts.lookup(k.subject(), key.HoldersStale)
	old := slices.DeleteFunc(slices.Clone(seen), func(h report.Holder) bool { return h.Stage == report.HeldCurrent })
	late := isOpen && len(old) > 0
	for _, h := range old {
		due := k.staleAt(s, h.Version)
		late = late || !due.IsZero() && !due.After(scan.At)
	}
	w := &k.e.watch
	switch {
	case late:
		w.saw(k.Name, shapeOf(scan.Unseen))
		k.e.alerts.open(k.subject(), k.Name, k.Provider, shortened(names(old), shownNames, k.Name), k.staleAlert(old, scan.Unseen))
	case isOpen && len(old) == 0:
		before, known := w.sawOf(k.Name)
		if !known { // a run before this one opened it
			before = shapeOf(strings.Split(open.Evidence[notSeen], unseenSep))
		}
		if shapeOf(scan.Unseen).within(before) {
			k.e.alerts.resolve(k.subject(), key.HoldersStale, "nobody was seen with an old version any more")
		}
	}
}

// notSeen is the evidence of where nobody could look.
const (
	notSeen   = "not_seen"
	unseenSep = "; "
)

func (k *keyRun) staleAlert(old []report.Holder, unseen []string) rotation.Open {
	a := rotation.Open{Cause: key.HoldersStale, Severity: key.Warning, Evidence: map[string]string{}}
	what := "an old version"
	if old[0].Fingerprint != "" {
		a.Evidence["fingerprint"] = old[0].Fingerprint
	}
	if len(unseen) > 0 {
		a.Evidence[notSeen] = strings.Join(unseen, unseenSep)
	}
	for _, h := range old {
		if h.Fix != "" && !slices.Contains(a.Actions, h.Fix) {
			a.Actions = append(a.Actions, h.Fix)
		}
		if h.Stage == report.HeldDead {
			a.Severity = key.Critical // it was started with what its issuer refuses
			what = "an old version that " + k.Provider + " refuses"
		}
	}
	a.Summary = fmt.Sprintf("%s: still seen with %s, though every sink has the new one: %s", k.Name, what, rotation.Listed(names(old)))
	a.Actions = shortened(a.Actions, shownFixes, k.Name)
	return a
}

// What an alert names of a kind: the journal keeps it, and every channel is sent it.
const (
	shownFixes = 10
	shownNames = 50
)

// shortened is a list of at most n, and where the rest is told.
func shortened(all []string, n int, name key.Name) []string {
	if len(all) <= n {
		return all
	}
	return append(slices.Clone(all[:n]), fmt.Sprintf("%d more: livekey who-has %s", len(all)-n, name))
}

// names are the consumers of some holders, sorted, each once.
func names(all []report.Holder) []string {
	var list []string
	for _, h := range all {
		list = append(list, who(h))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// shapes are lines of what is unseen without their numbers, and in the singular: how many
// processes of others there are differs from one look to the next, and is not how much one
// may see.
type shapes map[string]bool

func shapeOf(unseen []string) shapes {
	s := shapes{}
	for _, line := range unseen {
		line = strings.NewReplacer("processes", "process", "read their", "read its").Replace(line)
		s[strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, line)] = true
	}
	return s
}

// within says whether a look that left s unseen could see all that one could which left o.
func (s shapes) within(o shapes) bool {
	for line := range s {
		if !o[line] {
			return false
		}
	}
	return true
}

func (w *watch) saw(name key.Name, s shapes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sawWith == nil {
		w.sawWith = map[key.Name]shapes{}
	}
	w.sawWith[name] = s
}

func (w *watch) sawOf(name key.Name) (shapes, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.sawWith[name]
	return s, ok
}
