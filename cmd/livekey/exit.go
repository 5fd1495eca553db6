package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/drill"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// code is an exit code. They mean the same for every command.
type code int

const (
	ok         code = 0
	internal   code = 1 // livekey's own fault
	usage      code = 2 // usage or config
	notLive    code = 3 // a required key is dead, blocked or missing
	unknown    code = 4 // a required key is unknown, or nobody could be asked
	no         code = 5 // the answer is no
	sinkFailed code = 6 // a sink or a reload failed
)

// severity is the order in which the first that holds is taken.
var severity = [...]code{usage, internal, sinkFailed, notLive, no, unknown}

// worst is the code that holds for all of codes together.
func worst(codes ...code) code {
	for _, s := range severity {
		if slices.Contains(codes, s) {
			return s
		}
	}
	return ok
}

// exitError ends a command with a code. A nil err has been said already.
type exitError struct {
	code code
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit ends a command that has said what there is to say; nil for ok.
func exit(c code) error {
	if c == ok {
		return nil
	}
	return &exitError{code: c}
}

// misused is a mistake in the command line that no flag parser sees.
func misused(format string, args ...any) error {
	return &exitError{code: usage, err: fmt.Errorf(format, args...)}
}

// codeOf is the exit code of what a command returned.
func codeOf(err error) code {
	var exit *exitError
	var faults config.Faults
	var locked *journal.LockedError
	var nobody *admin.NoDaemonError
	switch {
	case err == nil:
		return ok
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &faults), errors.Is(err, config.ErrNoConfig), errors.As(err, &locked),
		errors.Is(err, key.ErrNotFound), errors.Is(err, admin.ErrInUse):
		return usage
	case errors.As(err, &nobody), errors.Is(err, context.DeadlineExceeded):
		return unknown
	case errors.Is(err, admin.ErrConflict), errors.Is(err, drill.ErrNotKept):
		return no
	default:
		return internal
	}
}

// judge is the exit code of what the sinks hold.
func judge(s report.Status) code {
	var codes []code
	for _, k := range s.Keys {
		codes = append(codes, judgeKey(k))
	}
	return worst(codes...)
}

func judgeKey(k report.Key) code {
	for _, sink := range k.Sinks {
		if sink.Error != "" {
			return sinkFailed
		}
	}
	switch c := k.Current; {
	case k.Optional:
		return ok
	case c != nil:
		return judgeOutcome(c.Outcome, c.Reason)
	case !k.Missing && (k.SourceError != "" || k.Candidate != nil && k.Candidate.Outcome == key.Unknown):
		return unknown
	default:
		return notLive
	}
}

func judgeOutcome(o key.Outcome, r key.Reason) code {
	switch {
	case o == key.Dead, r == key.Blocked:
		return notLive
	case o == key.Live, r == key.NoProvider:
		return ok
	default:
		return unknown
	}
}
