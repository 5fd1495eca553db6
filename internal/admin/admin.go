// Package admin is the daemon's front desk: the socket, health, and the client
// that the command line uses. No answer ever carries a value: what it imports
// (names, fingerprints, reports) has no room for one.
package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Daemon is what the socket can ask of a running livekey. Safe for concurrent use.
type Daemon interface {
	Evidence
	Status() report.Status
	// Ready says whether every required key of the named sinks is delivered; no
	// name means all. What is missing is said in a line each. An unknown sink is an
	// error wrapping key.ErrNotFound.
	Ready(sinks []string) (missing []string, err error)
	// Refresh asks the sources now, past every cache, and the issuers again. No name
	// means all. An unknown key is an error wrapping key.ErrNotFound.
	Refresh(ctx context.Context, names []key.Name) error
	// Approve delivers a held candidate after a fresh proof. An empty version means
	// the one that is held. Without one to deliver the error wraps ErrConflict.
	Approve(ctx context.Context, name key.Name, version key.Version, by Approval) error
	// Pause proves and alerts, but writes nothing. An empty name means every key.
	Pause(name key.Name, until time.Time, reason string) error
	Resume(name key.Name) error
	// Unauthorized has the issuer of a key asked and its source read, since somebody saw it
	// refused, and answers what came of it; without wait, what is known so far. A key that
	// the speaker may not speak for is as unknown as one that is none: ErrNoSuchKey.
	Unauthorized(ctx context.Context, by Speaker, r Unauthorized, wait bool) (report.Answer, error)
	// Adopted notes which version a consumer says it has loaded.
	Adopted(by Speaker, r Adopted) (report.Adoption, error)
	HolderDaemon
}

// Approval is who approved, and why. Both are kept.
type Approval struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// ErrNoSuchKey is all that somebody hears of a key that is not his, or is none.
var ErrNoSuchKey error = noSuchKey{}

type noSuchKey struct{}

func (noSuchKey) Error() string {
	return "no such key for you: who owns one of its sinks, or is in the group of one, may speak for it"
}

func (noSuchKey) Unwrap() error { return key.ErrNotFound }

// BadRequest says what is wrong with a request.
func BadRequest(why string) error { return &badRequest{why} }

// ErrConflict says that the daemon understood and cannot do it in the state it
// is in: nothing is held, or what is held is dead.
var ErrConflict = errors.New("not possible now")

// ErrStandby says that another livekey works, and this one is there to take over.
var ErrStandby = fmt.Errorf("%w: this livekey is on standby", ErrConflict)
