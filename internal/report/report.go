// Package report holds what livekey tells about itself: the JSON of status and
// check. Its fields are fixed; times are UTC, empty ones are left out.
package report

import (
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

// Status is what `livekey status` shows.
type Status struct {
	// Epoch names the salt of the fingerprints: those of two livekeys can be compared where
	// it is the same.
	Epoch  string        `json:"epoch,omitempty"`
	Ready  bool          `json:"ready"`
	Keys   []Key         `json:"keys"`
	Alerts []alerts.Data `json:"alerts"`
	// Channels are those that the config names. The log is told at once, and always.
	Channels []Channel `json:"channels,omitempty"`
	// Lease is the one by which one of several livekeys works; nil where the config has none.
	Lease *Lease `json:"lease,omitempty"`
}

// Lease is who works.
type Lease struct {
	Name    string `json:"name"`             // NAMESPACE/NAME
	Holder  string `json:"holder,omitempty"` // as last seen
	Working bool   `json:"working"`          // it is this livekey; the keys of another are its own to tell
	Error   string `json:"error,omitempty"`  // why it cannot be seen now
}

// Channel is what one receiver of alerts has not taken.
type Channel struct {
	Name    string    `json:"name"`
	Waiting int       `json:"waiting"`        // events in its outbox
	Since   time.Time `json:"since,omitzero"` // of the oldest
	Tried   time.Time `json:"tried_at,omitzero"`
	Error   string    `json:"error,omitempty"` // of the last try, if it failed
}

// Key is one key of a Status.
type Key struct {
	Name      key.Name   `json:"name"`
	Provider  string     `json:"provider"`
	Optional  bool       `json:"optional,omitempty"`
	Current   *Current   `json:"current,omitempty"`
	Candidate *Candidate `json:"candidate,omitempty"`
	Older     []Older    `json:"older,omitempty"`
	Sinks     []Sink     `json:"sinks,omitempty"`
	// Holders is null where nobody may look.
	Holders *Holders `json:"holders"`
	// Adoption says of each consumer that is known which version it has.
	Adoption []Adoption `json:"adoption,omitempty"`
	// UnreadLogs are those of its reports: that cannot be read now, in a line each.
	UnreadLogs  []string  `json:"unread_logs,omitempty"`
	Missing     bool      `json:"missing,omitempty"`      // its source has no such record
	SourceError string    `json:"source_error,omitempty"` // why its source cannot be read now
	PausedUntil time.Time `json:"paused_until,omitzero"`
	PauseReason string    `json:"pause_reason,omitempty"` // as whoever paused it said
	NextProbeAt time.Time `json:"next_probe_at,omitzero"`
}

// Current is the delivered version of a key. Fingerprints are the short form.
type Current struct {
	Version     key.Version  `json:"version"`
	Fingerprint string       `json:"fingerprint"`
	Outcome     key.Outcome  `json:"outcome"`
	Reason      key.Reason   `json:"reason,omitempty"`
	Which       string       `json:"which,omitempty"`      // of blocked: no_credit, spend_cap, …
	Unproved    key.Reason   `json:"unproved,omitempty"`   // why nobody proved what is delivered
	Suspect     bool         `json:"suspect,omitempty"`    // rejected, not yet confirmed dead
	Unanswered  key.Reason   `json:"unanswered,omitempty"` // why the last question had no answer; outcome is the last that had
	CheckedAt   time.Time    `json:"checked_at,omitzero"`
	DeliveredAt time.Time    `json:"delivered_at,omitzero"`
	Identity    key.Identity `json:"identity,omitempty"`
	ExpiresAt   time.Time    `json:"expires_at,omitzero"`
	Limits      *key.Limits  `json:"limits,omitempty"` // at checked_at; nil: the issuer does not say
}

// Candidate is a version that is not delivered.
type Candidate struct {
	Version     key.Version `json:"version"`
	Fingerprint string      `json:"fingerprint"`
	Outcome     key.Outcome `json:"outcome"`
	Reason      key.Reason  `json:"reason,omitempty"`
	Which       string      `json:"which,omitempty"` // of malformed: the fault; of blocked: why
	Detail      string      `json:"detail,omitempty"`
	ExpiresAt   time.Time   `json:"expires_at,omitzero"`
	HeldBy      string      `json:"held_by,omitempty"` // rejected, malformed, worse, misplaced, regressed, failed, unknown, paused, comparing, sink
	Since       time.Time   `json:"since,omitzero"`
}

// Older is a version that was delivered once.
type Older struct {
	Version     key.Version `json:"version"`
	Fingerprint string      `json:"fingerprint"`
	Outcome     key.Outcome `json:"outcome"`
	CheckedAt   time.Time   `json:"checked_at,omitzero"`
	// Unwatched says that nobody has its value any more: when it dies cannot be told.
	Unwatched bool `json:"unwatched,omitempty"`
}

// Sink is what one sink has of a key.
type Sink struct {
	Name        string    `json:"name"`
	Path        string    `json:"path,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	WrittenAt   time.Time `json:"written_at,omitzero"`
	ReloadOwed  bool      `json:"reload_owed,omitempty"`
	Error       string    `json:"error,omitempty"`
	Unwritten   bool      `json:"-"` // the error is one of writing, not of a reload
}

// Holders counts consumers per version.
type Holders struct {
	Current  int       `json:"current"`
	Older    int       `json:"older"`
	Unseen   int       `json:"unseen,omitempty"` // places where nobody could look
	LookedAt time.Time `json:"looked_at,omitzero"`
}

// Adoption is the version that one consumer is known to have.
type Adoption struct {
	Consumer    key.Consumer `json:"consumer"`
	Fingerprint string       `json:"fingerprint"`
	Stage       key.Stage    `json:"stage"` // current: it has adopted what is delivered; empty: a version that is not known any more
	Since       time.Time    `json:"since"`
	How         string       `json:"how"` // seen by a scan, said so itself, said in its name, another livekey says so
}

// Check is what `livekey check` prints.
type Check struct {
	Keys []Checked `json:"keys"`
}

// Checked is one key of a Check.
type Checked struct {
	Name       key.Name     `json:"name"`
	Provider   string       `json:"provider"`
	Outcome    key.Outcome  `json:"outcome"`
	Reason     key.Reason   `json:"reason,omitempty"`
	Detail     string       `json:"detail,omitempty"`
	HTTPStatus int          `json:"http_status,omitempty"`
	RequestID  string       `json:"request_id,omitempty"`
	CheckedAt  time.Time    `json:"checked_at,omitzero"`
	ExpiresAt  time.Time    `json:"expires_at,omitzero"`
	Identity   key.Identity `json:"identity,omitempty"`
	Limits     *key.Limits  `json:"limits,omitempty"`
}
