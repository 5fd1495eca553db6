package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// Whoever is still seen with the old version after the others were told, and came back, is
// stale at the next look.
func TestAReloadThatEndedIsNotWaitedFor(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		l := &fakeLooker{}
		w.consumers("app.service")
		before := w.setup
		w.setup = func(o *Options) { before(o); o.Lookers = append(o.Lookers, l) }
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer w.stop()
		pass(time.Minute)
		l.has(unit("other.service", "v1"))
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantStory("opened holders_stale")
	})
}

func TestAShortGraceShortensTheWait(t *testing.T) {
	for grace, want := range map[time.Duration]time.Duration{24 * time.Hour: 10 * time.Minute, 4 * time.Minute: time.Minute} {
		k := &keyRun{Key: Key{Policy: rotation.Policy{Grace: grace}}, sinks: []*sinkRun{{}}}
		at := time.Unix(1_800_000_000, 0)
		s := rotation.State{Older: []rotation.Version{{Fingerprint: "f", Replaced: at}, {Fingerprint: "g"}}}
		if got := k.staleAt(&s, "f").Sub(at); got != want {
			t.Errorf("with a grace of %v it is stale after %v, want %v", grace, got, want)
		}
		if got := k.staleAt(&s, "g"); !got.IsZero() {
			t.Errorf("a sink lacks the successor, and it is stale at %v", got)
		}
	}
}

// A consumer that was started with what its issuer refuses fails now.
func TestADeadVersionInUseIsCritical(t *testing.T) {
	k := &keyRun{Key: Key{Name: "K"}}
	held := func(n int, stage report.Held) (all []report.Holder) {
		for i := range n {
			all = append(all, report.Holder{Kind: "file", Path: string(rune('a' + i)), Stage: stage, Fix: "mend " + string(rune('a'+i))})
		}
		return all
	}
	if a := k.staleAlert(held(1, report.HeldPrevious), nil); a.Severity != key.Warning || len(a.Evidence) > 0 ||
		strings.Contains(a.Summary, "refuses") || !strings.HasSuffix(a.Summary, ": "+names(held(1, report.HeldPrevious))[0]) {
		t.Errorf("%+v", a)
	}
	a := k.staleAlert(held(13, report.HeldDead), []string{"x", "y"})
	if a.Severity != key.Critical || a.Evidence[notSeen] != "x; y" || !strings.Contains(a.Summary, " refuses") || !strings.HasSuffix(a.Summary, " and 10 more") {
		t.Errorf("%+v", a)
	}
	if len(a.Actions) != shownFixes+1 || a.Actions[shownFixes] != "3 more: livekey who-has K" {
		t.Errorf("%q", a.Actions)
	}
}

func TestConsumersAreCountedOnceForEachStage(t *testing.T) {
	at := time.Now()
	of := func(stage report.Held, kind string, s holders.Sighting) report.Holder {
		h := holderOf(s)
		h.Stage, h.Kind = stage, kind
		return h
	}
	all := []report.Holder{
		of(report.HeldCurrent, "process", holders.Sighting{PID: 1, Unit: "a.service"}),
		of(report.HeldCurrent, "process", holders.Sighting{PID: 2, Unit: "a.service"}), // a second process of it
		of(report.HeldPrevious, "process", holders.Sighting{PID: 3, Unit: "a.service"}),
		of(report.HeldDead, "process", holders.Sighting{PID: 4, Command: "sh", User: "ada"}),
		of(report.HeldDead, "process", holders.Sighting{PID: 5, Command: "sh", User: "ada"}), // a process of no unit is one of its own
		of(report.HeldOlder, "file", holders.Sighting{Path: "/srv/.env"}),
	}
	if got := *count(all, at); got != (report.Holders{Current: 1, Older: 4, LookedAt: at}) {
		t.Errorf("%+v", got)
	}
	want := []string{"file /srv/.env", "process sh (pid 4) of ada", "process sh (pid 5) of ada", "unit a.service"}
	if got := names(all); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
