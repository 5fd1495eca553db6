package trail_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/trail"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func step(after time.Duration, what trail.What, where string) trail.Step {
	return trail.Step{At: noon.Add(after), What: what, Where: where}
}

func TestAStepIsNotedOnceForEachPlace(t *testing.T) {
	for _, c := range []struct {
		rule          string
		first, second trail.Step
		changed       bool
		at            time.Duration // of the step that is kept, or of the last
		steps         int
	}{
		{"the first delivery counts", step(0, trail.Delivered, "app"), step(time.Hour, trail.Delivered, "app"), false, 0, 1},
		{"another sink is another step", step(0, trail.Delivered, "app"), step(1, trail.Delivered, "web"), true, 1, 2},
		{"the first adoption counts", step(0, trail.Adopted, "unit:a"), step(time.Hour, trail.Adopted, "unit:a"), false, 0, 1},
		{"the last sight of a holder counts", step(0, trail.Held, "unit:a"), step(time.Hour, trail.Held, "unit:a"), true, time.Hour, 1},
		{"within a minute it is no news", step(0, trail.Held, "unit:a"), step(59*time.Second, trail.Held, "unit:a"), false, 0, 1},
		{"the last report counts", step(0, trail.Reported, "unit:a"), step(time.Hour, trail.Reported, "unit:a"), true, time.Hour, 1},
		{"held and adopted are two facts", step(0, trail.Held, "unit:a"), step(1, trail.Adopted, "unit:a"), true, 1, 2},
	} {
		var r trail.Rotation
		if !r.Add(c.first) {
			t.Errorf("%s: the first is not noted", c.rule)
		}
		if got := r.Add(c.second); got != c.changed {
			t.Errorf("%s: changed %v, want %v", c.rule, got, c.changed)
		}
		if last := r.Steps[len(r.Steps)-1]; len(r.Steps) != c.steps || !last.At.Equal(noon.Add(c.at)) {
			t.Errorf("%s: %+v", c.rule, r.Steps)
		}
	}
}

func TestTheOldestStepsMakeRoom(t *testing.T) {
	var r trail.Rotation
	for i := range trail.MaxSteps + 50 {
		r.Add(step(time.Duration(i), trail.Held, fmt.Sprintf("process:ada/app-%d", i)))
	}
	if len(r.Steps) != trail.MaxSteps || r.Steps[0].Where != "process:ada/app-50" {
		t.Errorf("%d steps, the first of %s", len(r.Steps), r.Steps[0].Where)
	}
}

// Whoever holds an old version, or may read a sink, chooses the names by which he is seen.
func TestNobodyPushesTheFactsOut(t *testing.T) {
	for _, what := range []trail.What{trail.Held, trail.Reported, trail.Failed, trail.Adopted} {
		var r trail.Rotation
		facts := []trail.Step{
			step(0, trail.Seen, ""), step(1, trail.Proved, ""), step(2, trail.Delivered, "app"), step(3, trail.Adopted, "unit:app.service"),
			step(4, trail.Reverted, ""),
		}
		for _, s := range facts {
			r.Add(s)
		}
		for i := range trail.MaxSteps + 50 {
			r.Add(step(time.Duration(10+i), what, fmt.Sprintf("process:eve/%d", i)))
		}
		r.Add(step(time.Hour, trail.Complete, ""))
		facts = append(facts, step(time.Hour, trail.Complete, ""))
		for _, s := range facts {
			if !slices.Contains(r.Steps, s) {
				t.Errorf("%s: %s of %q is gone", what, s.What, s.Where)
			}
		}
		if state, _ := r.State(); len(r.Steps) != trail.MaxSteps || state != trail.GoneBack {
			t.Errorf("%s: %d steps, %s", what, len(r.Steps), state)
		}
	}
}

func TestTheStateIsWhatTheStepsSay(t *testing.T) {
	for _, c := range []struct {
		rule  string
		steps []trail.Step
		state trail.State
		since time.Duration
	}{
		{"a refusal is not yet the end", []trail.Step{step(0, trail.Delivered, "app"), step(5, trail.Refused, "")}, trail.Running, -1},
		{"its confirmation is", []trail.Step{step(5, trail.Refused, ""), step(7, trail.Complete, "")}, trail.Ended, 7},
		{"what was taken back stays so", []trail.Step{step(3, trail.Reverted, ""), step(7, trail.Complete, "")}, trail.GoneBack, 3},
	} {
		state, since := (&trail.Rotation{Steps: c.steps}).State()
		want := time.Time{}
		if c.since >= 0 {
			want = noon.Add(c.since)
		}
		if state != c.state || !since.Equal(want) {
			t.Errorf("%s: %s since %s", c.rule, state, since)
		}
	}
}
