package trail

import (
	"slices"
	"time"
)

// What is kept of one key: the newest.
const (
	MaxRotations = 20
	MaxSteps     = 200 // of one rotation
)

// restless are facts that repeat themselves: the last time is what counts. Of every other
// the first time is kept.
var restless = []What{Held, Reported, Failed}

// again is how much later a restless fact must be to be noted again.
const again = time.Minute

// Add notes a step, once for each place, and says whether that changed anything.
func (r *Rotation) Add(s Step) bool {
	i := slices.IndexFunc(r.Steps, func(was Step) bool { return was.What == s.What && was.Where == s.Where })
	if i >= 0 {
		if !slices.Contains(restless, s.What) || s.At.Sub(r.Steps[i].At) < again {
			return false
		}
		r.Steps = slices.Delete(r.Steps, i, i+1)
	}
	r.Steps = append(r.Steps, s)
	for len(r.Steps) > MaxSteps {
		i := r.least()
		if i == len(r.Steps)-1 {
			r.Steps = r.Steps[:i]
			return false
		}
		r.Steps = slices.Delete(r.Steps, i, i+1)
	}
	return true
}

// least is the step that makes room: who holds an old version can come by ever new names, and
// must not push out what livekey itself knows. Of those that repeat themselves it is the oldest;
// of those who adopted the last, so that who did it early stays.
func (r *Rotation) least() int {
	if i := slices.IndexFunc(r.Steps, func(s Step) bool { return slices.Contains(restless, s.What) }); i >= 0 {
		return i
	}
	for i, s := range slices.Backward(r.Steps) {
		if s.What == Adopted {
			return i
		}
	}
	return 0
}

// State is how far a rotation has come.
type State string

// The states. The texts are fixed: the JSON shows them.
const (
	Running  State = "running"  // the predecessor is not known to be refused for good
	Ended    State = "complete" // its refusal is confirmed
	GoneBack State = "reverted" // the predecessor was delivered again
)

// State is what the steps say, with the time since when; none of a rotation that runs.
func (r *Rotation) State() (State, time.Time) {
	if at := r.at(Reverted); !at.IsZero() {
		return GoneBack, at
	}
	if at := r.at(Complete); !at.IsZero() {
		return Ended, at
	}
	return Running, time.Time{}
}

// at is when something happened first, wherever; the zero time if it did not.
func (r *Rotation) at(what What) (first time.Time) {
	for _, s := range r.Steps {
		if s.What == what && (first.IsZero() || s.At.Before(first)) {
			first = s.At
		}
	}
	return first
}
