// Package lease lets one of several livekeys work: the one that holds a Lease in a
// Kubernetes cluster, renews it, and stops before anybody else may take it.
//
// Whether a holder is still there is judged by the changes of its record that one has seen
// oneself, on a clock that nobody sets. The times inside the record are for people.
package lease

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// The times of client-go's leader election. Between what a holder may do after its last
// renewal and the moment at which another may begin there is time to finish a write.
const (
	Duration = 15 * time.Second // a record that nobody has seen change for so long may be taken
	Deadline = 10 * time.Second // so long after its last renewal a holder begins to stop
	Retry    = 2 * time.Second  // between two looks, or two renewals

	attempt    = Deadline / 2    // one call to the API, so that one that hangs is not the last
	releasing  = 2 * time.Second // giving it back
	jitter     = 0.2             // a look comes later by up to this part of Retry
	longestOwn = 5 * time.Minute // a holder's own duration is believed up to this
)

// Errors of a Lock on which an Elector branches.
var (
	ErrNone    = errors.New("no such lease") // of Read: nobody has made it
	ErrChanged = errors.New("the lease was changed meanwhile")
)

// Spec is what a record says. An empty Holder: nobody has it.
type Spec struct {
	Holder            string
	Duration          time.Duration
	Acquired, Renewed time.Time // UTC, of the holder's clock
	Transitions       int       // how often the holder was another than before
}

// Record is a Lease as somebody has read it.
type Record struct {
	Spec

	UID     string // of the object: one that was deleted and made again is another
	Version string // of the object; empty: it is to be made

	metadata []byte // as the server has it
}

// Lock is where the record is. Safe for concurrent use.
type Lock interface {
	// Read returns the record, or an error wrapping ErrNone.
	Read(ctx context.Context) (Record, error)
	// Write replaces the record whose Version r has by one with r's Spec, and returns that.
	// An error wrapping ErrChanged says that it is another by now; after any other one
	// nobody knows whether it was written.
	Write(ctx context.Context, r Record) (Record, error)
	// String names the lease for people: NAMESPACE/NAME.
	String() string
}

// Term is one time in which one holder works. Before is the last one that anybody had, equal
// to Now if it goes on: who remembers it knows all that was done since.
type Term struct{ Before, Now string }

func (r Record) term() string {
	if r.Version == "" {
		return ""
	}
	return r.UID + "/" + strconv.Itoa(r.Transitions)
}

// State is what an Elector knows now.
type State struct {
	Holder  string // "" if nobody is known to have it
	Leading bool   // it is this one
	Err     error  // of the last call; nil: it went well
}

// Elector works while it has the lease. Run it once.
type Elector struct {
	Lock     Lock
	Identity string // of this one alone, over its restarts: nobody else may ever work as it
	Log      *slog.Logger

	// Overdue is called if work has not ended when another may begin: whoever wants never
	// two at work ends the process.
	Overdue func()

	mu    sync.Mutex
	state State
	heard chan struct{} // closed when a holder was seen for the first time
	once  sync.Once
}

// New makes one.
func New(lock Lock, identity string, log *slog.Logger, overdue func()) *Elector {
	return &Elector{Lock: lock, Identity: identity, Log: log, Overdue: overdue, heard: make(chan struct{})}
}

// State is what is known now.
func (e *Elector) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Heard is closed as soon as it is known who has the lease.
func (e *Elector) Heard() <-chan struct{} { return e.heard }

// note keeps what a call said, and logs what is new in it.
func (e *Elector) note(holder string, leading bool, err error) {
	e.mu.Lock()
	before := e.state
	if err != nil {
		holder = before.Holder
	}
	e.state = State{Holder: holder, Leading: leading, Err: err}
	e.mu.Unlock()
	if err == nil && holder != "" {
		e.once.Do(func() { close(e.heard) })
	}
	switch {
	case err != nil && before.Err == nil:
		e.Log.Warn("lease not reached", "lease", e.Lock.String(), "err", err)
	case err == nil && before.Err != nil:
		e.Log.Info("lease reached again", "lease", e.Lock.String())
	}
	if err == nil && (holder != before.Holder || leading != before.Leading) {
		e.Log.Info("lease seen", "lease", e.Lock.String(), "holder", cmp.Or(holder, "nobody"), "working", leading)
	}
}

// Run calls work for each term, one after another, until ctx ends or work returns an error.
// The context of work ends with the term: work must return soon then, having finished what it
// had begun. Run gives the lease back when it ends.
func (e *Elector) Run(ctx context.Context, work func(context.Context, Term) error) error {
	for ctx.Err() == nil {
		mine, t, ok := e.acquire(ctx)
		if !ok {
			return nil
		}
		if done, err := e.hold(ctx, mine, t, work); done {
			return err
		}
	}
	return nil
}

// held is a record of one's own, and when one began to write it: others have seen it change
// after that.
type held struct {
	Record

	since time.Time
}

// acquire looks until the lease is free and taken, or ctx ends.
func (e *Elector) acquire(ctx context.Context) (held, Term, bool) {
	var seen Spec
	var since time.Time // when seen was seen first
	for ctx.Err() == nil {
		r, err := e.read(ctx)
		if err == nil {
			e.note(r.Holder, false, nil)
			if since.IsZero() || r.Spec != seen {
				seen, since = r.Spec, time.Now()
			}
			patience := max(Duration, min(r.Duration, longestOwn))
			if r.Holder == "" || r.Holder == e.Identity || time.Since(since) >= patience {
				mine, err := e.take(ctx, r)
				if err == nil && time.Since(mine.since) < Deadline { // else: asleep meanwhile
					return mine, Term{Before: r.term(), Now: mine.term()}, true
				}
				if err != nil {
					e.failed(ctx, err)
				}
			}
		} else {
			e.failed(ctx, err)
		}
		wait(ctx, Retry+time.Duration(jitter*rand.Float64()*float64(Retry))) //nolint:gosec // spreads load
	}
	return held{}, Term{}, false
}

// failed notes a call that did not go well. Another that was faster is no failure.
func (e *Elector) failed(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, ErrChanged) {
		e.note("", false, err)
	}
}

func (e *Elector) read(ctx context.Context) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	r, err := e.Lock.Read(ctx)
	if errors.Is(err, ErrNone) {
		return Record{}, nil
	}
	return r, err
}

// take writes r as one's own. A holder's record goes on, anybody else's is a new term.
func (e *Elector) take(ctx context.Context, r Record) (held, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	began := time.Now()
	if r.Holder != e.Identity {
		r.Acquired = stamp(began)
		r.Transitions++
	}
	// Seen on no clock but as a change: it must be one, whatever the clocks were set to.
	if r.Holder, r.Duration = e.Identity, Duration; !r.Renewed.Before(stamp(began)) {
		r.Renewed = r.Renewed.Add(time.Microsecond)
	} else {
		r.Renewed = stamp(began)
	}
	r, err := e.Lock.Write(ctx, r)
	return held{r, began}, err
}

// stamp is a time as a record keeps it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond).Round(0) }

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
