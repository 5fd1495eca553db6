// Package sinks is the contract of where consumers read. Each kind lives in a
// folder of its own and passes the suite in sinktest.
package sinks

import (
	"context"
	"errors"
	"log/slog"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
)

// Entry is one variable of a sink.
type Entry struct {
	Variable string
	Part     key.Part
	From     proof.Proved
}

// A Sink holds the variables of one or more keys. Not safe for concurrent use: the
// engine has one writer per sink.
type Sink interface {
	// Probe checks, without a value, that Write could work, and removes what a
	// crash left behind. It runs at start.
	Probe(ctx context.Context) error
	// Write makes entries the whole content of the sink, sorted by variable: readers
	// see the old content or the new. It reads the result back, compares, and
	// tells whether anything changed. It refuses content that is not livekey's with
	// an error wrapping ErrForeign.
	Write(ctx context.Context, entries []Entry) (changed bool, err error)
}

// A Reader is a sink whose content can be read back after a restart.
type Reader interface {
	// Read parses the sink in its own dialect. A sink that does not exist is an
	// empty Content and no error.
	Read(ctx context.Context) (Content, error)
}

// Content is what a sink holds now.
type Content struct {
	Exists bool
	Marked bool // carries livekey's marker
	Values map[string]secret.Value
}

// A Carrier says, without I/O, whether a value of the given form can be carried
// at all: `config check` asks it for every variable.
type Carrier interface {
	// Carries names the reason why v cannot stand in this sink, without quoting it; nil if it can.
	Carries(variable string, v secret.Value) error
}

// A Placer tells the path at which consumers find the sink.
type Placer interface{ Path() string }

// A Lodger is a sink in files of this machine. It tells, without I/O, what it needs there:
// the sandbox of a service has to allow it.
type Lodger interface {
	// Folder is where it makes files.
	Folder() string
	// Belongs is to whom they go, as the config says it; "" is livekey's own.
	Belongs() (owner, group string)
}

// ErrForeign says that what is there is not livekey's, and adopt is not set.
var ErrForeign = errors.New("not written by livekey")

// Env is what a kind's constructor is given beside its settings.
type Env struct {
	Name string // under sinks:
	Log  *slog.Logger
	HTTP *httpclient.Factory
	// Known says whether the journal knows these bytes as livekey's own: every
	// value found is one that was meant for this sink. nil knows nothing.
	Known func(found map[string]secret.Value) bool
}
