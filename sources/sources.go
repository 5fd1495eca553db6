// Package sources is the contract of what a key is read from. Each kind lives in
// a folder of its own and passes the suite in sourcetest.
package sources

import (
	"context"
	"log/slog"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Record is what a source returned, bytes exactly as stored.
type Record struct {
	Data     secret.Value // the whole record; normalize opens fields
	Version  key.Version  // empty: the source has none, the engine takes the fingerprint
	Number   int64        // the version as a number that only grows, where the backend has one; else 0
	Previous key.Version  // the version before it, if the backend keeps one
	Created  time.Time
	Expires  time.Time // of the lease or the record, if the backend says
}

// A Source reads records from one backend. It never writes, caches or retries;
// the engine owns those. Safe for concurrent use.
type Source interface {
	// Fetch returns the record at loc, exactly as stored. One call costs one read:
	// loc has no field, and keys that share a location share the call.
	// It returns an error wrapping key.ErrNotFound if loc does not exist. No error
	// carries bytes of a record.
	Fetch(ctx context.Context, loc key.Location) (Record, error)
}

// A Batcher fetches many records in one call; results and errors are in the order of locs.
type Batcher interface {
	FetchBatch(ctx context.Context, locs []key.Location) ([]Record, []error)
}

// A Watcher calls changed when a record may have changed, and returns when ctx
// ends (nil) or it can watch no longer (why). It carries no value: the engine
// fetches. Polling goes on behind it.
type Watcher interface {
	Watch(ctx context.Context, locs []key.Location, changed func(key.Location)) error
}

// A Historian keeps older versions, as long as its backend does.
type Historian interface {
	// Former is where Fetch finds the version v of the record at loc, also when loc names
	// another; v is what a Record called itself. It does no I/O. Not ok: no version of
	// this name can be there.
	Former(loc key.Location, v key.Version) (at key.Location, ok bool)
}

// A Keeper has work of its own between reads, such as a token to renew. Keep returns
// when ctx ends; no read waits for it.
type Keeper interface {
	Keep(ctx context.Context)
}

// A Linter says, without any I/O, what is wrong with a location: an unknown
// parameter, a path the kind cannot have. `config check` asks it.
type Linter interface {
	Lint(ref key.Ref) error
}

// A Pacer has a refresh interval of its own, used where the config says none.
type Pacer interface {
	Refresh() time.Duration
}

// A Placer tells the file of this machine in which a location is, as the config says it,
// also with $CREDENTIALS_DIRECTORY in front: the sandbox of a service has to let it be read.
type Placer interface {
	Path(loc key.Location) string
}

// An Environed source takes secrets from variables of livekey's own environment: its
// credentials, or the records at locs. A program that livekey runs for somebody has no
// business with them.
type Environed interface {
	// Variables are their names.
	Variables(locs []key.Location) []string
}

// A Noter keeps beside a record what is known of the keys in it, if the config of the source
// says so. It changes nothing of the record, and makes none.
type Noter interface {
	Notes() bool
	// Note replaces the note at loc by what text makes of the one that is there, "" if
	// there is none; the same text is not written again.
	Note(ctx context.Context, loc key.Location, text func(before string) string) error
}

// Env is what a kind's constructor is given beside its settings.
type Env struct {
	Name string // under sources:
	Log  *slog.Logger
	HTTP *httpclient.Factory
}
