package doctor

import (
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// rotated: what is here is not what the source has, and that lives. Where the new version
// has been delivered and a process started before, the process is the cause.
func rotated(e *Evidence) *sign {
	if !e.replaced() || e.cached() {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("%s has another version than %s, where the current one lives", e.At, e.Held.From)}
	if e.Held.Stage != "" {
		s.seen += fmt.Sprintf("; it has a %s one", e.Held.Stage)
	}
	if e.Verdict.Outcome == key.Dead {
		s.seen += "; of the one here: " + e.told()
	}
	switch e.Place {
	case Sink:
		s.fix, s.command = "see why it is not delivered", "livekey status"
	case Process:
		s.fix, s.command = "deliver it, then start the process again", "livekey refresh "+Quote(string(e.Key))
	case Environment, EnvFile, Config:
		s.fix, s.command = "take the current one", "livekey exec --key "+Quote(string(e.Key))+" -- PROGRAM"
	}
	return s
}

// cached says whether a process has an old version although a sink has the new one.
func (e *Evidence) cached() bool {
	return e.Place == Process && e.Set && e.Held.Compared && !e.Held.Same && !e.Held.Written.IsZero()
}

func oldKeyCached(e *Evidence) *sign {
	p := e.Process
	before := !e.Held.Written.IsZero() && !p.Started.IsZero() && p.Started.Before(e.Held.Written)
	if !e.cached() && (e.Place != Process || !before || e.Held.Same) {
		return nil
	}
	s := &sign{
		seen: fmt.Sprintf("%s was started with another version of %s than its sink has since %s", e.At, e.Variable, stamp(e.Held.Written)),
		fix:  "start it again: a process never sees a new environment", command: e.restart(),
	}
	if before {
		s.seen += "; it runs since " + stamp(p.Started)
	}
	if e.Held.Stage != "" {
		s.seen += fmt.Sprintf("; it has a %s version", e.Held.Stage)
	}
	return s
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
