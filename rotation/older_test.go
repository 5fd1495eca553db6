package rotation

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

func (y *play) sights(blind bool, holders ...key.Consumer) {
	e := Sighted{At: y.now, Holders: map[key.Fingerprint][]key.Consumer{}, Blind: blind}
	if len(holders) > 0 {
		e.Holders["old"] = holders
	}
	y.send(e)
}

// open says what is open by now of all that was opened and resolved since the last look.
func (y *play) open(c key.Cause) (open *Open) {
	for _, a := range y.acts {
		switch a := a.(type) {
		case Open:
			if a.Cause == c {
				open = &a
			}
		case Resolve:
			if a.Cause == c {
				open = nil
			}
		}
	}
	return open
}

func (y *play) looks() bool {
	for _, a := range y.acts {
		if _, ok := a.(Look); ok {
			return true
		}
	}
	return false
}

const app, worker = key.Consumer("unit:app.service"), key.Consumer("unit:worker.service")

func TestRevokedEarlyNamesWhoIsLeftBehind(t *testing.T) {
	revoked := func(t *testing.T) *play {
		y := rotated(t)
		y.acts = nil
		y.is("old", refused)
		y.pass(time.Hour/2, nil)
		if !y.looks() {
			t.Fatal("nobody looks who has it")
		}
		return y
	}
	t.Run("as soon as somebody looked", func(t *testing.T) {
		y := revoked(t)
		if y.open(key.RevokedEarly) != nil {
			t.Fatal("told before anybody was seen")
		}
		y.sights(false, app, worker)
		o := y.open(key.RevokedEarly)
		if o == nil || o.Severity != key.Critical || len(o.Affected) != 2 || o.Affected[0] != string(app) ||
			!strings.Contains(o.Summary, string(worker)) || !strings.Contains(strings.Join(o.Actions, "\n"), "livekey who-has K") ||
			!strings.Contains(o.Actions[len(o.Actions)-1], "enable the old key again") {
			t.Fatalf("told %+v", o)
		}
		y.sights(false, worker)
		if o := y.open(key.RevokedEarly); o == nil || len(o.Affected) != 1 {
			t.Fatalf("app.service has moved on, and the alert says %+v", o)
		}
		y.sights(false)
		if y.open(key.RevokedEarly) != nil {
			t.Fatal("still open, and nobody has it any more")
		}
	})
	t.Run("at once if somebody looked in this minute", func(t *testing.T) {
		y := rotated(t)
		y.acts = nil
		y.sights(false, app)
		y.is("old", refused)
		y.send(Refreshed{At: y.now})
		if y.open(key.RevokedEarly) == nil {
			t.Fatal("not told")
		}
	})
	t.Run("not by what was seen long ago", func(t *testing.T) {
		y := rotated(t)
		y.sights(false, app)
		y.pass(time.Hour, nil)
		y.acts = nil
		y.is("old", refused)
		y.send(Refreshed{At: y.now})
		if y.open(key.RevokedEarly) != nil {
			t.Fatal("told by a look of an hour ago")
		}
	})
	t.Run("until they are seen to be gone, by one who sees as much", func(t *testing.T) {
		y := revoked(t)
		y.sights(false, app)
		y.sights(true)
		if y.open(key.RevokedEarly) == nil {
			t.Fatal("over, and nobody could look")
		}
		y.sights(true, app) // now by one who sees less
		y.sights(true)
		if y.open(key.RevokedEarly) != nil {
			t.Fatal("who saw them sees them no more, and it is open")
		}
	})
	t.Run("over a restart, and past the confirmation", func(t *testing.T) {
		y := revoked(t)
		y.sights(false, app)
		y = restarted(t, y, time.Second)
		y.pass(2*time.Hour, nil)
		if !y.s.Older[0].Retired {
			t.Fatal("not confirmed after two hours")
		}
		if y.open(key.RotationComplete) != nil || y.s.Older[0].Ended {
			t.Fatal("complete, and somebody still has the old one")
		}
		y.acts = nil
		y.sights(false)
		if !y.s.Older[0].Ended || y.s.Older[0].Early != nil {
			t.Fatalf("nobody has it any more: %+v", y.s.Older[0])
		}
		y.wantTold(key.RotationComplete)
		y.sights(false, app) // a job that runs once a day
		if y.open(key.RevokedEarly) == nil {
			t.Fatal("somebody came with a dead key, and nobody is told")
		}
		y.acts = nil
		y.sights(false)
		y.wantTold()
	})
	t.Run("or until it lives again", func(t *testing.T) {
		y := revoked(t)
		y.sights(false, app)
		y.is("old", live)
		y.pass(2*time.Hour, nil)
		if y.open(key.RevokedEarly) != nil || y.s.Older[0].Retired {
			t.Fatalf("%+v", y.s.Older[0])
		}
	})
	t.Run("or until it is delivered again", func(t *testing.T) {
		y := revoked(t)
		y.sights(false, app)
		y.is("old", live)
		y.fetch("old", 0)
		y.wantCurrent("old")
		if y.open(key.RevokedEarly) != nil {
			t.Fatal("open about a version that is current")
		}
	})
	t.Run("after a key that died before its successor came", func(t *testing.T) {
		y := newPlay(t)
		y.is("old", live)
		y.is("new", live)
		y.fetch("old", 0)
		y.is("old", refused)
		y.pass(y.p.Probe+time.Second, nil)
		y.fetch("new", 0)
		y.acts = nil
		y.pass(time.Second, nil)
		if !y.looks() {
			t.Fatal("its holders are refused in this moment, and nobody looks")
		}
	})
}

func TestOverlapSaysWhoStillHasTheOldOne(t *testing.T) {
	y := rotated(t)
	since := y.s.Older[0].Replaced
	y.pass(y.p.Grace-11*time.Minute, nil)
	y.wantTold()
	y.sights(false, app)
	y.acts = nil
	y.pass(since.Add(y.p.Grace).Sub(y.now), nil)
	o := y.open(key.OverlapTooLong)
	if o == nil || len(o.Affected) != 1 || !strings.Contains(strings.Join(o.Actions, "\n"), "livekey safe-to-revoke K") {
		t.Fatalf("in the moment when the grace is over: %+v", o)
	}
	first := *o
	y.pass(5*24*time.Hour, nil)
	if o := y.open(key.OverlapTooLong); o == nil || o.Summary != first.Summary {
		t.Fatalf("news each time that it is asked: %q", o.Summary)
	}
	y.sights(false)
	if o := y.open(key.OverlapTooLong); o == nil || len(o.Affected) != 0 {
		t.Fatalf("nobody has it any more: %+v", o)
	}
	y.is("old", refused)
	y.pass(7*time.Hour, nil)
	if y.open(key.OverlapTooLong) != nil {
		t.Fatal("it is refused, and the alert is open")
	}
}

// Two old versions share one alert, and one that is done with does not end it for the other.
func TestOneAlertForAllOldVersions(t *testing.T) {
	y := rotated(t)
	y.is("newest", live)
	y.fetch("newest", 0)
	y.pass(2*y.p.Grace, nil)
	if o := y.open(key.OverlapTooLong); o == nil || o.Evidence["versions"] != "new, old" || !strings.Contains(o.Summary, "versions new, old still work, ") {
		t.Fatalf("told %+v", o)
	}
	y.is("new", refused)
	y.pass(7*time.Hour, nil)
	if o := y.open(key.OverlapTooLong); o == nil || o.Evidence["version"] != "old" || o.Evidence["versions"] != "" || !strings.Contains(o.Summary, "version old still works, ") {
		t.Fatalf("told %+v", o)
	}
}

func TestARotationIsCompleteOnce(t *testing.T) {
	y := rotated(t)
	y.is("old", refused)
	y.pass(3*time.Hour, nil)
	y.wantTold(key.RotationComplete)
	y.fetch("old", 0) // the source goes back to the dead one
	y.pass(26*time.Hour, func() { y.fetch("old", 0) })
	y.wantTold(key.CandidateRejected)
	if n := y.s.Older[0].Rejections; n != 2 {
		t.Errorf("the journal counts %d rejections of what is gone", n)
	}
}

// Where nobody can say whether it is refused still, it is asked at the usual pace.
func TestAConfirmationThatIsLateIsNoStorm(t *testing.T) {
	y := rotated(t)
	y.is("old", refused)
	y.pass(time.Hour/2, nil)
	y.is("old", key.Verdict{Reason: key.Transient})
	y.acts = nil
	y.pass(24*time.Hour, nil)
	if n := y.asked("old"); n < 3 || n > 12 {
		t.Fatalf("asked %d times in a day", n)
	}
	y.is("old", refused)
	y.pass(7*time.Hour, nil)
	y.wantTold(key.RotationComplete)
}

func TestAVersionWhoseValueIsGoneHasNoEnd(t *testing.T) {
	y := rotated(t)
	y.is("old", key.Verdict{})
	y.acts = nil
	lost := func() {
		y.send(Checked{At: y.now, Verdict: key.Verdict{Fingerprint: "old", CheckedAt: y.now, Reason: key.NotYetAsked}, Lost: true})
	}
	lost()
	y.pass(3*y.p.Grace, nil)
	lost()
	y.wantTold()
	if v := y.s.Older[0]; !v.Unwatched || v.Retired || v.Rejections > 0 {
		t.Fatalf("%+v", v)
	}
	y = restarted(t, y, 0)
	y.is("old", live) // a backend has it after all
	y.pass(7*time.Hour, nil)
	if y.s.Older[0].Unwatched || y.open(key.OverlapTooLong) == nil {
		t.Fatalf("its value is there again: %+v", y.s.Older[0])
	}
}

// What was told of a version ends when nobody can tell any more.
func TestAnOverlapThatNobodyCanSeeIsOver(t *testing.T) {
	y := rotated(t)
	y.pass(2*y.p.Grace, nil)
	y.send(Checked{At: y.now, Verdict: key.Verdict{Fingerprint: "old", CheckedAt: y.now, Reason: key.NotYetAsked}, Lost: true})
	if y.open(key.OverlapTooLong) != nil {
		t.Fatal("open by an answer of before")
	}
}

// A look is of this run: it makes no record in the journal.
func TestALookIsNotKept(t *testing.T) {
	y := rotated(t)
	before := y.s
	y.sights(false, app)
	if !reflect.DeepEqual(before.Durable(), y.s.Durable()) {
		t.Fatal("a look that changed nothing is written down")
	}
}

func TestWatchPreviousOffLeavesOldVersionsAlone(t *testing.T) {
	y := rotated(t)
	y.p.WatchPrevious = false
	y.fetch("new", 0)
	y.is("newest", live)
	y.fetch("newest", 0)
	y.acts = nil
	y.is("old", refused)
	y.is("new", refused)
	y = restarted(t, y, 0)
	y.pass(5*24*time.Hour, nil)
	y.sights(false, app)
	y.send(Refreshed{At: y.now})
	if y.asked("old")+y.asked("new") > 0 {
		t.Errorf("asked %d and %d times", y.asked("old"), y.asked("new"))
	}
	y.fetch("old", 0) // as a candidate it is asked about, and nothing follows for the old one
	if y.looks() {
		t.Error("somebody is to look for their holders")
	}
	for _, cause := range y.told() {
		if cause == key.RevokedEarly || cause == key.OverlapTooLong || cause == key.RotationComplete {
			t.Errorf("told %s", cause)
		}
	}
}

func TestTurningWatchPreviousOffEndsWhatWasTold(t *testing.T) {
	y := rotated(t)
	y.is("old", refused)
	y.pass(time.Hour/2, nil)
	y.sights(false, app)
	y.p.WatchPrevious = false
	y = restarted(t, y, 0)
	resolved := false
	for _, a := range y.acts {
		r, ok := a.(Resolve)
		resolved = resolved || ok && r.Cause == key.RevokedEarly
	}
	if !resolved || y.s.Older[0].Early != nil {
		t.Fatal("revoked_early is open, and nobody watches")
	}
}
