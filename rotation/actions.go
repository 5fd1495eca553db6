package rotation

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Action is what the engine shall do. The set is sealed.
type Action interface{ action() }

// Check: ask the issuer about this version and report Checked.
type Check struct {
	Fingerprint key.Fingerprint
	Purpose     Purpose
	Reason      string
}

// Purpose is what a check is for: candidates, confirmations and reports may use
// the reserved part of a key's budget.
type Purpose string

// What a check may be for.
const (
	Routine   Purpose = "routine"
	Candidate Purpose = "candidate"
	Confirm   Purpose = "confirm"
)

// Refetch: read the key's source now, past every cache.
type Refetch struct{ Reason string }

// Deliver: hand this version to every sink of the key. Without an Exception it
// carries the live verdict that was just reported.
type Deliver struct {
	Fingerprint key.Fingerprint
	Exception   Exception
	EmptyOnly   bool // although it is proved, it replaces nothing
	Reason      string
}

// FillsOnly says that the version may fill an empty sink, and replaces nothing.
func (d Deliver) FillsOnly() bool {
	return d.EmptyOnly || d.Exception == KnownLive || d.Exception == PublishIfEmpty
}

// Exception names the way to a sink without a live answer.
type Exception string

// The exceptions; internal/proof checks each again against the verdict.
const (
	Proven         Exception = ""
	NoProvider     Exception = "no_provider"
	KnownLive      Exception = "known_live"
	PublishIfEmpty Exception = "publish_if_empty"
)

// Withdraw: what was handed to the sinks is not to be written any more.
type Withdraw struct {
	Fingerprint key.Fingerprint
	Reason      string
}

// Open: tell somebody, or tell what changed. One alert is open per cause. Affected are
// consumers, besides the sinks of the key.
type Open struct {
	Cause    key.Cause
	Severity key.Severity
	Summary  string
	Evidence map[string]string
	Affected []string
	Actions  []string
}

// Resolve: the cause is gone.
type Resolve struct {
	Cause  key.Cause
	Reason string
}

// WakeAt: report Ticked at this time, or earlier.
type WakeAt struct{ At time.Time }

// Look: see who holds which version now, and report Sighted.
type Look struct{ Reason string }

func (Check) action()    {}
func (Refetch) action()  {}
func (Deliver) action()  {}
func (Withdraw) action() {}
func (Open) action()     {}
func (Resolve) action()  {}
func (WakeAt) action()   {}
func (Look) action()     {}
