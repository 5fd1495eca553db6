package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
)

// Glance makes sure that a status says who holds what, as of a minute ago at the most. wait
// returns when it does, or ctx ends.
func (e *Engine) Glance() (wait func(ctx context.Context)) {
	w := &e.watch
	w.mu.Lock()
	fresh := time.Since(w.glanced) < glanceAge || w.known && time.Since(w.scan.At) < glanceAge
	if !fresh {
		w.glanced = now()
	}
	w.mu.Unlock()
	if !fresh {
		if l, err := e.askLook("status is asked for", nil); err == nil {
			return func(ctx context.Context) { await(ctx, l.done) }
		}
	}
	return func(context.Context) {}
}

// WhoHas begins to look and tells, once wait returns, who was seen with which version; no
// name means every key. A pasted value is looked for as well, whether a version is known
// by it or not, and then only those who have it are told. The value is the caller's to wipe.
func (e *Engine) WhoHas(name key.Name, pasted secret.Value) (wait func(ctx context.Context) (report.WhoHas, error), err error) {
	keys, err := e.oneOrAll(name)
	if err != nil {
		return nil, err
	}
	asked := e.prints(pasted)
	l, err := e.askLook("somebody asks who has it", asked)
	if err != nil {
		if errors.Is(err, errNobodyLooks) {
			err = fmt.Errorf("%w: %w", admin.ErrConflict, err)
		}
		return nil, err
	}
	return func(ctx context.Context) (report.WhoHas, error) {
		scan, err := l.wait(ctx)
		if err != nil {
			return report.WhoHas{}, err
		}
		return e.whoHas(scan, keys, asked), nil
	}, nil
}

func (e *Engine) whoHas(scan holders.Scan, keys []*keyRun, asked []key.Fingerprint) report.WhoHas {
	r := report.WhoHas{
		Holders: []report.Holder{}, Unseen: append([]string{}, scan.Unseen...), LookedAt: scan.At, Processes: scan.Processes,
	}
	all := e.assign(scan)
	for _, k := range keys {
		r.Holders = append(r.Holders, all[k.Name]...)
	}
	if len(asked) > 0 {
		e.tellOf(&r, e.firstKnown(asked), scan, keys)
	}
	return r
}

// prints are the fingerprints that a pasted value may be known by: without the newline that
// ends a line, and with it, which ends a key in PEM.
func (e *Engine) prints(pasted secret.Value) []key.Fingerprint {
	if pasted.Len() == 0 {
		return nil
	}
	all := []key.Fingerprint{e.hasher.Part(pasted.TrimNewline())}
	if exact := e.hasher.Part(pasted); exact != all[0] {
		all = append(all, exact)
	}
	return all
}

// firstKnown is the first that a version is known by, else the first of all.
func (e *Engine) firstKnown(all []key.Fingerprint) key.Fingerprint {
	for _, f := range all {
		for _, k := range e.keys {
			if len(k.known(f)) > 0 {
				return f
			}
		}
	}
	return all[0]
}

// tellOf narrows r to the holders of one fingerprint, and says what that is.
func (e *Engine) tellOf(r *report.WhoHas, f key.Fingerprint, scan holders.Scan, keys []*keyRun) {
	r.Asked = &report.Asked{Fingerprint: f.String(), Known: []report.Known{}}
	for _, k := range keys {
		r.Asked.Known = append(r.Asked.Known, k.known(f)...)
	}
	slices.SortFunc(r.Asked.Known, func(a, b report.Known) int { return cmp.Compare(a.Key, b.Key) })
	r.Holders = []report.Holder{}
	all := e.assign(scan)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, h := range all[name] {
			if h.Fingerprint == f.String() && slices.ContainsFunc(keys, func(k *keyRun) bool { return k.Name == name }) {
				r.Holders = append(r.Holders, h)
			}
		}
	}
	if len(r.Asked.Known) > 0 || len(e.roles()[f]) > 0 { // of a key that was not asked about, too
		return
	}
	for _, s := range scan.Sightings {
		if s.Print == f {
			h := holderOf(s)
			h.Fix = holders.Fix(s, scan.Sightings, "")
			r.Holders = append(r.Holders, h)
		}
	}
}

// known says which versions of the key have a part with this fingerprint.
func (k *keyRun) known(f key.Fingerprint) []report.Known {
	state := k.snapshot()
	roles := map[key.Fingerprint][]role{}
	k.add(roles, state.Current, report.HeldCurrent)
	for i := range state.Older {
		k.add(roles, &state.Older[i], stageOfOld(i, &state.Older[i]))
	}
	if waits := candidate(&state); waits != nil {
		k.add(roles, waits, report.Held(state.Stage(waits.Fingerprint)))
	}
	var all []report.Known
	for _, r := range roles[f] {
		all = append(all, report.Known{Key: k.Name, Version: r.id, Stage: r.stage})
	}
	return all
}
