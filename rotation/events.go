package rotation

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Event is a fact with its time, in the past tense. The set is sealed.
type Event interface{ at() time.Time }

// Started: livekey began to follow this key. What the journal knew is to be proved again.
type Started struct{ At time.Time }

// Fetched: the source returned a record. Fault is set if its bytes cannot be a
// key; then Fingerprint is that of the bytes as they are.
type Fetched struct {
	At          time.Time
	Version     key.Version
	Number      int64 // 0: this backend has none
	Fingerprint key.Fingerprint
	Parts       []key.Fingerprint // of a key of several parts, sorted
	Fault       *key.Verdict
}

// Vanished: the source answered that it has no such record.
type Vanished struct {
	At     time.Time
	Detail string
}

// Checked: an issuer was asked about Verdict.Fingerprint. Lost says that it was not,
// since nobody has the bytes any more.
type Checked struct {
	At      time.Time
	Verdict key.Verdict
	Issuer  Issuer
	Lost    bool
}

// Issuer is what the other keys at the same host say about the issuer itself.
type Issuer string

// What siblings may say.
const (
	IssuerFine    Issuer = ""
	IssuerSuspect Issuer = "suspect" // several keys rejected at once: wait before calling one dead
	IssuerGone    Issuer = "gone"    // it has lasted: dead, and the alert is one for all
)

// Inventoried: the issuer's own list of keys was read, and says this of the version; nil: it
// has no such key.
type Inventoried struct {
	At          time.Time
	Fingerprint key.Fingerprint
	Listing     *key.Listing
}

// Delivered: a sink has the version, read back and compared. Lacking says how the
// key's sinks fall short of it now; nothing means that each has it.
type Delivered struct {
	At          time.Time
	Fingerprint key.Fingerprint
	Lacking     Lacking
	Unproved    key.Reason // set if it was delivered by an exception
}

// Lacked: a sink does not have the current version.
type Lacked struct {
	At  time.Time
	How Lacking
}

// Outdated: a sink was about to write the version and its proof is too old.
type Outdated struct {
	At          time.Time
	Fingerprint key.Fingerprint
}

// Approved: a person wants the held candidate delivered. An empty Version means
// whatever is held.
type Approved struct {
	At      time.Time
	Version key.Version
}

// Paused: a person wants nothing written until Until.
type Paused struct {
	At, Until time.Time
	Reason    string // for whoever finds the pause
}

// Resumed: a person ended the pause.
type Resumed struct{ At time.Time }

// Refreshed: a person wants everything asked again now.
type Refreshed struct{ At time.Time }

// StartupOver: startup_wait has passed; on_unknown applies from now on.
type StartupOver struct{ At time.Time }

// Ticked: a time that WakeAt asked for has come.
type Ticked struct{ At time.Time }

// Reported: a consumer says that the issuer refused it. It may be wrong, or lie.
type Reported struct{ At time.Time }

// Failed: a consumer that was told of the version did not come back with it. Revert says
// that its sink is to have the version before it, if that still lives.
type Failed struct {
	At          time.Time
	Fingerprint key.Fingerprint
	Consumer    string // for texts: "unit app.service"
	Revert      bool
}

// Sighted: somebody looked for holders. Holders are the consumers seen with a version of
// this key, by its fingerprint, sorted; Blind says that not everything could be looked at.
type Sighted struct {
	At      time.Time
	Holders map[key.Fingerprint][]key.Consumer
	Blind   bool
}

func (e Started) at() time.Time     { return e.At }
func (e Fetched) at() time.Time     { return e.At }
func (e Vanished) at() time.Time    { return e.At }
func (e Checked) at() time.Time     { return e.At }
func (e Inventoried) at() time.Time { return e.At }
func (e Delivered) at() time.Time   { return e.At }
func (e Lacked) at() time.Time      { return e.At }
func (e Outdated) at() time.Time    { return e.At }
func (e Approved) at() time.Time    { return e.At }
func (e Paused) at() time.Time      { return e.At }
func (e Resumed) at() time.Time     { return e.At }
func (e Refreshed) at() time.Time   { return e.At }
func (e StartupOver) at() time.Time { return e.At }
func (e Ticked) at() time.Time      { return e.At }
func (e Reported) at() time.Time    { return e.At }
func (e Failed) at() time.Time      { return e.At }
func (e Sighted) at() time.Time     { return e.At }
