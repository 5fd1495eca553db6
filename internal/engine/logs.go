package engine

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/livekey/livekey/internal/key"
)

// Log is a log in which consumers say that a key was refused: one, however many keys are
// looked for in it.
type Log struct {
	Name     string       // for texts: "the journal of app.service"
	Consumer key.Consumer // who writes it; "": nobody says
	Follower Follower
	Keys     []LoggedKey
}

// Follower follows a log until ctx ends. It calls line with each line that is added, which
// may not be kept, and trouble with what keeps it from reading, nil once that is over.
type Follower interface {
	Follow(ctx context.Context, line func([]byte), trouble func(error))
}

// LoggedKey is a key, and which lines are about its refusal.
type LoggedKey struct {
	Key   key.Name
	Match func(line []byte) bool
}

// logRun follows one log.
type logRun struct {
	Log
	e *Engine

	mu  sync.Mutex
	err error // why it cannot be read now
}

// follow reports a key for each line that matches. The line itself is not kept.
func (l *logRun) follow(ctx context.Context) {
	l.Follower.Follow(ctx, func(line []byte) {
		for _, k := range l.Keys {
			if k.Match(line) {
				l.e.reported(l.e.keys[k.Key], l.Consumer, "a line of "+l.Name)
			}
		}
	}, func(err error) { l.trouble(ctx, err) })
}

// trouble takes note of why the log cannot be read, and says each reason once.
func (l *logRun) trouble(ctx context.Context, err error) {
	l.mu.Lock()
	was := l.err
	l.err = err
	l.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		l.e.log.WarnContext(ctx, "log not read, refusals in it are not seen", "log", l.Name, "err", err)
	case err == nil && was != nil:
		l.e.log.InfoContext(ctx, "log read again", "log", l.Name)
	}
}

// unreadableLogs says which logs of the key cannot be read, in a line each.
func (k *keyRun) unreadableLogs() []string {
	var all []string
	for _, l := range k.e.logs {
		if !slices.ContainsFunc(l.Keys, func(of LoggedKey) bool { return of.Key == k.Name }) {
			continue
		}
		l.mu.Lock()
		if l.err != nil {
			why := l.err.Error()
			if at, ok := errors.AsType[*fs.PathError](l.err); ok {
				why = at.Err.Error() // the name has the path
			}
			all = append(all, l.Name+": "+why)
		}
		l.mu.Unlock()
	}
	return all
}
