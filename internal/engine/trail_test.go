package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// rotations are those of K, newest first.
func (w *world) rotations() []report.Rotation {
	w.t.Helper()
	all, err := w.e.Rotations("K")
	if err != nil {
		w.t.Fatal(err)
	}
	return all.Rotations
}

// told is a rotation in short: "1 to 2 running: seen, proved, delivered app".
func told(r report.Rotation) string {
	text := fmt.Sprintf("%s to %s %s:", r.From.Version, r.To.Version, r.State)
	for _, s := range r.Steps {
		text += " " + string(s.What)
		if s.Where != "" {
			text += " " + s.Where
		}
		text += ","
	}
	return text[:len(text)-1]
}

func (w *world) wantTrail(want ...string) {
	w.t.Helper()
	var got []string
	for _, r := range w.rotations() {
		got = append(got, told(r))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("trail\n%q, want\n%q", got, want)
	}
}

// rotate makes a version the one that the source has, once it lives.
func (w *world) rotate(value string) {
	pass(time.Second) // the source is being watched
	w.issuer.is(value, key.Live, key.Valid, "ours")
	w.source.set("K", value)
	pass(time.Second)
	w.wantSink(value)
}

func TestARotationLeavesItsEvidence(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.sinks["web"] = &fakeSink{}
		w.start()
		defer func() { w.stop() }()
		w.rotate("v1")
		w.wantTrail() // a first version takes nothing's place
		pass(time.Minute)
		w.rotate("v2")
		w.wantTrail("1 to 2 running: seen, proved, delivered app, delivered web")
		old := w.e.keys["K"].state.Older[0].Fingerprint
		sighted := rotation.Sighted{At: now(), Holders: map[key.Fingerprint][]key.Consumer{old: {"unit:app.service"}}}
		w.e.keys["K"].post(sighted)
		pass(5 * time.Minute)
		sighted.At = now()
		w.e.keys["K"].post(sighted)
		pass(time.Second)
		w.wantTrail("1 to 2 running: seen, proved, delivered app, delivered web, held unit:app.service")
		if steps := w.rotations()[0].Steps; !steps[4].At.Equal(sighted.At) {
			t.Errorf("held at %s, last seen at %s", steps[4].At, sighted.At)
		}
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(24 * time.Hour)
		whole := "1 to 2 complete: seen, proved, delivered app, delivered web, held unit:app.service, refused, complete"
		w.wantTrail(whole)
		w.stop()
		w.start()
		w.wantTrail(whole)
		w.rotate("v3")
		if r := w.rotations(); len(r) != 2 || r[0].Number != 2 {
			t.Errorf("after a restart: %+v", r)
		}
		if r := w.rotations()[1]; r.EndedAt.Before(r.Steps[5].At.Add(time.Hour)) {
			t.Errorf("complete at %s, %s after the first refusal", r.EndedAt, r.EndedAt.Sub(r.Steps[5].At))
		}
	})
}

func TestAWayBackIsARotationOfItsOwn(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) { p.Rollback = rotation.RollbackAlways }
		w.start()
		defer w.stop()
		w.rotate("v1")
		w.rotate("v2")
		w.rotate("v1")
		w.rotate("v2")
		w.wantTrail(
			"3 to 4 running: seen, proved, delivered app",
			"2 to 3 reverted: seen, proved, delivered app, reverted",
			"1 to 2 reverted: seen, proved, delivered app, reverted",
		)
	})
}

func TestACurrentKeyThatWasRefusedIsRefusedFromThenOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.start()
		defer w.stop()
		w.rotate("v1")
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(15 * time.Minute)
		w.rotate("v2")
		r := w.rotations()[0]
		i := slices.IndexFunc(r.Steps, func(s trail.Step) bool { return s.What == trail.Refused })
		if i != 0 || r.Steps[0].Detail != "dead/invalid" {
			t.Fatalf("%+v", r.Steps)
		}
	})
}

func TestTheOldestRotationsMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.start()
		defer w.stop()
		for i := range trail.MaxRotations + 5 {
			w.rotate(fmt.Sprintf("v%d", i+1))
		}
		all := w.rotations()
		if len(all) != trail.MaxRotations || all[0].Number != trail.MaxRotations+4 || all[len(all)-1].Number != 5 {
			t.Errorf("%d rotations, from %d to %d", len(all), all[len(all)-1].Number, all[0].Number)
		}
		unwatched := slices.ContainsFunc(all, func(r report.Rotation) bool {
			return slices.ContainsFunc(r.Steps, func(s trail.Step) bool { return s.What == trail.Unwatched })
		})
		if !unwatched {
			t.Error("none says that its predecessor is watched no more")
		}
	})
}

func TestRotationsOfNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.start()
		defer w.stop()
		if _, err := w.e.Rotations("NOBODY"); !errors.Is(err, key.ErrNotFound) {
			t.Errorf("err %v", err)
		}
		if all, err := w.e.Rotations(""); err != nil || all.Rotations == nil || len(all.Rotations) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
