package rotation

import (
	"fmt"

	"github.com/livekey/livekey/internal/key"
)

// judge holds every step against the promises.
func (w *world) judge(before State, e Event, acts []Action) {
	t := w.t
	_, isChecked := e.(Checked)
	for _, a := range acts {
		d, ok := a.(Deliver)
		if !ok {
			continue
		}
		if before.Paused.After(w.now) && !isResume(e) {
			t.Fatalf("delivered while paused, by %T", e)
		}
		w.judgeDelivery(before, d)
	}
	if c, ok := e.(Checked); ok && c.Verdict.Outcome == key.Unknown {
		if w.s.Dead && !before.Dead {
			t.Fatal("P3: unknown made a key dead")
		}
		if before.Current != nil && (w.s.Current == nil || w.s.Current.Fingerprint != before.Current.Fingerprint) {
			t.Fatal("P3: unknown changed what is delivered")
		}
	}
	if before.Current != nil && w.s.Current == nil {
		t.Fatal("P3: the current version was dropped")
	}
	if w.s.Dead && !before.Dead {
		c := w.s.Current
		if c.Rejections < w.p.ConfirmTimes || w.now.Sub(c.RejectedFirst) < w.p.ConfirmOver {
			t.Fatalf("dead after %d rejections over %v", c.Rejections, w.now.Sub(c.RejectedFirst))
		}
		if !opens(acts, key.KeyDead) {
			t.Fatal("P4: dead, and nobody is told")
		}
	}
	w.judgeOldChecked(before, e)
	if isChecked && before.Current != nil && before.Current.Rejections == 0 && w.s.Current.Rejections == 1 &&
		before.Current.Fingerprint == w.s.Current.Fingerprint && !refetches(acts) {
		t.Fatal("P4: first rejection, and the source is not read again")
	}
}

func (w *world) judgeDelivery(before State, d Deliver) {
	t := w.t
	if w.failed[d.Fingerprint] && !d.FillsOnly() {
		t.Fatalf("version %s is delivered again, and consumers failed on it", d.Fingerprint[60:])
	}
	got, asked := w.answers[d.Fingerprint]
	switch d.Exception {
	case Proven:
		if !asked || got.Outcome != key.Live || w.now.Sub(got.CheckedAt) >= fresh {
			t.Fatalf("P1: delivered with %v/%v of %v ago", got.Outcome, got.Reason, w.now.Sub(got.CheckedAt))
		}
	case KnownLive:
		if w.s.Lacking != LackingAll || !asked || got.Outcome != key.Live {
			t.Fatal("P1: known_live without an empty sink or a live answer before")
		}
	case PublishIfEmpty:
		if !w.p.PublishIfEmpty || !w.s.StartOver || before.Current != nil {
			t.Fatal("P1: published unproved where the config or the sink does not allow it")
		}
	case NoProvider:
		t.Fatal("P1: this key has a provider")
	}
	c := before.Current
	if d.Exception != Proven || c == nil || c.Fingerprint == d.Fingerprint || w.okayed[d.Fingerprint] {
		return
	}
	last, known := w.answers[c.Fingerprint]
	is, _ := last.Rank()
	will, _ := got.Rank()
	if known && will < is && c.Rejections == 0 {
		t.Fatalf("P2: rank %d replaces rank %d", will, is)
	}
	if pinned := before.Identity["organization"]; pinned != "" && got.Identity["organization"] != pinned {
		t.Fatalf("P2: %q replaces %q", got.Identity["organization"], pinned)
	}
}

// judgeOldChecked keeps what the issuer says about old versions.
func (w *world) judgeOldChecked(before State, e Event) {
	c, ok := e.(Checked)
	if !ok || before.old(c.Verdict.Fingerprint) == nil {
		return
	}
	switch f := c.Verdict.Fingerprint; {
	case c.Verdict.Outcome == key.Live:
		delete(w.refused, f)
	case c.Verdict.Rejected() && w.refused[f].IsZero():
		w.refused[f] = w.now
	}
}

// judgeEnd: P5, a rotation is complete once, after two rejections an hour apart, and
// while nobody is known to be left behind.
func (w *world) judgeEnd(a Open) {
	var i int
	if _, err := fmt.Sscan(a.Evidence["version"], &i); err != nil {
		w.t.Fatalf("rotation_complete of version %q", a.Evidence["version"])
	}
	f := fp(i)
	if w.ended[f] {
		w.t.Fatalf("P5: version %d has come to its end twice", i)
	}
	w.ended[f] = true
	if first := w.refused[f]; first.IsZero() || w.now.Sub(first) < retireAfter {
		w.t.Fatalf("P5: version %d is called gone, and was refused first at %v", i, first)
	}
	if v := w.s.old(f); v.Early != nil || v.Replaced.IsZero() {
		w.t.Fatalf("P5: the rotation is called complete, and somebody was left behind: %+v", v)
	}
}

// judgeEarly: P5, whoever holds a version that is refused is told of, and nobody else.
func (w *world) judgeEarly() {
	left := false
	for _, v := range w.s.Older {
		left = left || v.Early != nil
		if len(w.s.Sight.Holders[v.Fingerprint]) > 0 && v.Rejections > 0 && !v.Delivered.IsZero() && v.Early == nil && w.now.Sub(w.s.Sight.At) < sightFresh {
			w.t.Fatalf("P5: version %s is refused and held, and nobody is told", v.ID)
		}
	}
	if left != w.early {
		w.t.Fatalf("P5: somebody is left behind: %v; revoked_early is open: %v", left, w.early)
	}
}

// judgeOld: P5, every version that was ever delivered is followed until it is retired.
func (w *world) judgeOld() {
	for i := range w.s.Older {
		if v := w.s.Older[i]; v.Retired {
			w.gone[v.Fingerprint] = true
		} else if v.Due.IsZero() {
			w.t.Fatalf("P5: old version %s is never asked about again", v.ID)
		}
	}
	if len(w.s.Older) >= oldest {
		return
	}
	for _, f := range w.ever {
		if w.gone[f] || w.s.Find(f) != nil {
			continue
		}
		w.t.Fatalf("P5: delivered version %s is followed no more", f[60:])
	}
}

func isResume(e Event) bool {
	switch e.(type) {
	case Resumed, Paused, Ticked:
		return true
	}
	return false
}

func opens(acts []Action, c key.Cause) bool {
	for _, a := range acts {
		if o, ok := a.(Open); ok && o.Cause == c {
			return true
		}
	}
	return false
}

func refetches(acts []Action) bool {
	for _, a := range acts {
		if _, ok := a.(Refetch); ok {
			return true
		}
	}
	return false
}
