package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// ChildFailed tells that the program whose environment a sink is did not come up with
// versions that are new to it, and ended with the code exit. Each is held, and the one
// before it delivered again if that still lives. Without suspects the keys are not to blame. Run has begun.
func (e *Engine) ChildFailed(sink string, suspects map[key.Name]key.Fingerprint, exit int) {
	s := e.sinks[sink]
	names := make([]string, 0, len(suspects))
	for _, name := range slices.Sorted(maps.Keys(suspects)) {
		names = append(names, string(name))
		e.keys[name].post(rotation.Failed{At: now(), Fingerprint: suspects[name], Consumer: "program", Revert: true})
	}
	if len(names) == 0 {
		return
	}
	e.alerts.open(s.subject(), "", "", s.affected(), rotation.Open{
		Cause: key.ReloadFailed, Severity: key.Critical,
		Summary:  "the program failed after a rotation of " + strings.Join(names, ", ") + "; it gets the old version back where that still lives",
		Evidence: map[string]string{"sink": sink, "exit": strconv.Itoa(exit)},
		Actions:  []string{"see in what the program printed why it ended", "put another version into the source"},
	})
}

// ChildHealthy tells that the program has come up with what its sink has. That is the end of the
// alert, unless it came up because a version was taken back.
func (e *Engine) ChildHealthy(sink string) {
	s := e.sinks[sink]
	for _, name := range s.Keys {
		if c := e.keys[name].snapshot().Candidate; c != nil && c.Hold == rotation.HoldFailed {
			return
		}
	}
	e.alerts.resolve(s.subject(), key.ReloadFailed, "the program came up")
}

// Undecided says whether a key, be it optional, may still be delivered without anybody's
// doing: it was not read yet, or is being proved, or nobody could say whether it lives.
func (e *Engine) Undecided() bool {
	for _, k := range e.keys {
		if !k.settled() {
			return true
		}
	}
	return false
}

// Told returns when every channel has taken every alert, but not after limit.
func (e *Engine) Told(ctx context.Context, limit time.Duration) { e.alerts.drained(ctx, limit) }
