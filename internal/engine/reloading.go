package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/reload"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/rotation"
)

// adoptedWithin is how long behind a reload somebody looks who has what now.
const adoptedWithin = 3 * time.Second

// round is one telling of all consumers of what a sink has.
type round struct {
	content  content
	change   reload.Change
	reverted bool
	steps    []reload.Step // still to be told
	done     []string      // told before
}

// work tells the consumers, one after another, until nothing is owed or one of them does
// not come back.
func (r *reloads) work(ctx context.Context) {
	if rd, ok := r.begin(); ok {
		r.tell(ctx, rd)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shift.end()
	if !r.first.IsZero() { // it changed meanwhile
		r.scheduleLocked()
	}
}

// begin makes a round, if one is due.
func (r *reloads) begin() (rd round, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.again
	r.again = false
	if r.owed == nil {
		return rd, false
	}
	r.owed.turnTo(r.has)
	rd = round{content: r.has, reverted: r.owed.returned(r.has), done: slices.Clone(r.owed.Done)}
	if again {
		r.owed.Failed = ""
	}
	for _, step := range r.Steps {
		if r.owed.owes(step.Name(), r.has) {
			rd.steps = append(rd.steps, step)
		}
	}
	if r.owed.Failed != "" { // a person, or another content, has to come first
		r.first, r.last = time.Time{}, time.Time{}
		return rd, false
	}
	rd.change = r.s.change(r.owed.Before, r.has, r.at)
	rd.change.Since = r.owed.Since
	if rd.reverted {
		rd.change.Reason = reload.Reverted
		rd.change.Keys, rd.change.Prints = r.s.everyKey()
	}
	r.first, r.last = time.Time{}, time.Time{}
	if r.s.anyPaused(rd.change.Keys) {
		r.s.e.timers.set(reloadTimer{r}, now().Add(pausedLook), r.start)
		return rd, false
	}
	return rd, true
}

// tell tells the consumers of a round.
func (r *reloads) tell(ctx context.Context, rd round) {
	for i, step := range rd.steps {
		if ctx.Err() != nil || r.superseded(rd) {
			return // it is still owed
		}
		result, err := step.Reload(ctx, rd.change)
		switch {
		case err == nil:
			r.s.e.log.InfoContext(ctx, "consumer told", "sink", r.s.Name, "consumer", step.Name(), "result", result)
			rd.done = append(rd.done, step.Name())
			r.note(func(o *owed) { o.Done, o.Error = rd.done, "" })
		case ctx.Err() != nil:
			return
		default:
			r.stopped(ctx, rd, i, err)
			return
		}
	}
	r.ended(ctx, rd)
}

// superseded says whether the sink has another content by now, which is told instead.
func (r *reloads) superseded(rd round) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !maps.Equal(r.has, rd.content)
}

func (r *reloads) note(change func(*owed)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.owed)
	r.noteLocked()
}

// stopped takes note that a consumer was not told, or did not come back. The rest are
// left alone.
func (r *reloads) stopped(ctx context.Context, rd round, at int, err error) {
	e, who := r.s.e, rd.steps[at].Name()
	var left []string
	for _, step := range rd.steps[at+1:] {
		left = append(left, step.Name())
	}
	untold := errors.Is(err, reload.ErrUnasked)
	r.note(func(o *owed) {
		o.Error = who + ": " + err.Error()
		if !untold {
			o.Failed = who
			return
		}
		wait := schedule.Backoff(r.untold, untoldRetryFirst, untoldRetryLimit, schedule.Spread(schedule.Phase(e.machine, r.s.Name), r.untold))
		r.untold++
		e.timers.set(reloadTimer{r}, now().Add(wait), r.start)
	})
	how := reloadFailed
	if untold {
		how = reloadUntold
	}
	e.count.ReloadEnded(r.s.Name, how)
	e.log.ErrorContext(ctx, "consumer not back", "sink", r.s.Name, "consumer", who, "told", !untold, "err", err)
	r.alert(rd, who, left, untold, err)
	if untold || rd.reverted {
		return
	}
	for i, name := range rd.change.Keys {
		f := rd.change.Prints[i]
		if f == "" {
			continue
		}
		e.witness(name, f, trail.Step{What: trail.Failed, Where: who, Detail: err.Error()})
		e.keys[name].post(rotation.Failed{At: now(), Fingerprint: f, Consumer: who, Revert: r.Revert})
	}
}

func (r *reloads) alert(rd round, who string, left []string, untold bool, err error) {
	keys := strings.Join(texts(rd.change.Keys), " ")
	reverts := r.Revert && !untold && !rd.reverted
	what := "the new " + rotation.Listed(texts(rd.change.Keys))
	if rd.reverted {
		what = "the version before of " + rotation.Listed(texts(rd.change.Keys))
	}
	rest := ""
	if len(left) > 0 {
		rest = "; the rest are left alone"
	}
	summary := fmt.Sprintf("sink %s: %s did not come back with %s%s: %v", r.s.Name, who, what, rest, err)
	actions := []string{"see why " + who + " did not come back, and mend it"}
	if unit, ok := strings.CutPrefix(who, "unit "); ok {
		actions = []string{"see what it says: systemctl status " + unit + "; journalctl -u " + unit + " -n 50"}
	}
	switch {
	case untold:
		summary = fmt.Sprintf("sink %s: %s could not be told of %s, and goes on with what it has: %v", r.s.Name, who, what, err)
		actions = []string{"mend what is in the way; livekey tries again by itself", "or now: livekey refresh " + keys}
	case reverts:
		actions = append(actions, "then deliver the new version again: livekey approve "+strings.Join(texts(rd.change.Keys), "; livekey approve "))
	default:
		actions = append(actions, "then tell them again: livekey refresh "+keys)
	}
	evidence := map[string]string{
		"sink": r.s.Name, "path": r.s.Path, "consumer": who, "detail": err.Error(),
		"told": orNobody(rd.done), "left_alone": orNobody(left),
	}
	if reverts {
		evidence["on_failure"] = "revert: the version before is delivered again, if it still lives"
	}
	r.s.e.alerts.open(r.s.subject(), "", "", r.s.affected(), rotation.Open{
		Cause: key.ReloadFailed, Severity: key.Critical, Summary: summary, Evidence: evidence, Actions: actions,
	})
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// ended takes note that every consumer of the round came back. What the sink was given
// meanwhile is owed from now on.
func (r *reloads) ended(ctx context.Context, rd round) {
	e := r.s.e
	if !rd.reverted {
		for i, name := range rd.change.Keys {
			if f := rd.change.Prints[i]; f != "" {
				e.witness(name, f, trail.Step{What: trail.Reloaded, Where: r.s.Name, Detail: orNobody(rd.done)})
			}
		}
	}
	r.mu.Lock()
	if maps.Equal(r.next, rd.content) {
		r.forgetLocked()
		r.told = now()
	} else {
		r.owed = &owed{Before: rd.content, Since: now()}
		r.noteLocked()
	}
	r.mu.Unlock()
	if len(rd.done) > 0 { // else the sink has again what everybody was told of
		e.count.ReloadEnded(r.s.Name, reloadDone)
		e.log.InfoContext(ctx, "consumers told", "sink", r.s.Name, "reason", rd.change.Reason, "consumers", len(rd.done))
	}
	e.alerts.resolve(r.s.subject(), key.ReloadFailed, resolvedBy(rd))
	if len(rd.done) > 0 {
		e.lookSoon("reloaded", adoptedWithin) // "reloaded" alone is not adopted
	}
}

func resolvedBy(rd round) string {
	if rd.reverted {
		return "the version before is delivered again, and those who were told of the other one came back; that is held until livekey approve"
	}
	return "its consumers were told, and came back"
}

// change is what became of the sink: the keys whose variables are not as before.
func (s *sinkRun) change(before, now content, at time.Time) reload.Change {
	c := reload.Change{Sink: s.Name, Path: s.Path, Reason: reload.Changed, At: at}
	if len(before) == 0 {
		c.Reason = reload.First
	}
	c.Keys = s.changed(before, now)
	c.Prints = s.printsOf(c.Keys)
	return c
}

// everyKey is all that the sink has.
func (s *sinkRun) everyKey() ([]key.Name, []key.Fingerprint) {
	var names []key.Name
	s.mu.Lock()
	for _, name := range s.Keys {
		if s.kept[name] != nil {
			names = append(names, name)
		}
	}
	s.mu.Unlock()
	return names, s.printsOf(names)
}

// printsOf are the fingerprints of the versions that the sink has; "" where it has none.
func (s *sinkRun) printsOf(names []key.Name) []key.Fingerprint {
	s.mu.Lock()
	defer s.mu.Unlock()
	prints := make([]key.Fingerprint, len(names))
	for i, name := range names {
		if n := s.kept[name]; n != nil {
			prints[i] = n.print()
		}
	}
	return prints
}

// anyPaused says whether somebody paused one of these keys.
func (s *sinkRun) anyPaused(names []key.Name) bool {
	return slices.ContainsFunc(names, func(name key.Name) bool {
		state := s.e.keys[name].snapshot()
		return state.Paused.After(now())
	})
}

func texts(names []key.Name) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(name)
	}
	return all
}
