// Package rotation decides what happens to the versions of one key. It is pure:
// Next takes a state and an event and returns the next state and what to do. It
// does no I/O, reads no clock and never sees a value.
package rotation

import (
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Policy is what the config and the provider say about one key.
type Policy struct {
	Key      key.Name
	Provider string // for texts
	From     string // for texts: the reference, as the config writes it

	Probe          time.Duration // how often the current version is proved again
	ConfirmTimes   int           // rejections in a row that make a current key dead,
	ConfirmOver    time.Duration // the first and the last at least this far apart
	Grace          time.Duration // how long a previous version may stay valid
	PublishIfEmpty bool
	Rollback       Rollback
	Expiry         []time.Duration // how near the end of a current version is told, the farthest first
	WatchPrevious  bool

	Expect key.Identity // identity pinned by hand, beside what is pinned by the first proof
	Pin    []string     // identity fields of this provider that do not change for one owner
	Follow bool         // pin nothing: the owner may change

	Phase float64 // [0,1): spreads this key's probes and retries among all others
}

// Rollback says when a version with a lower number than the highest seen may pass.
type Rollback string

// What a config may say of lower numbers.
const (
	RollbackNever     Rollback = "never"     // only by Approved
	RollbackConfirmed Rollback = "confirmed" // when three reads over a minute agree
	RollbackAlways    Rollback = "always"
)

// State is everything that is known about one key. The zero State is a key never
// seen. It is stored in the journal as it is.
type State struct {
	Candidate  *Version  `json:"candidate,omitempty"`  // what the source has and no sink does: pending, or held
	Delivering *Version  `json:"delivering,omitempty"` // proved and handed to the sinks, none has it yet
	Current    *Version  `json:"current,omitempty"`    // at least one sink has it
	Older      []Version `json:"older,omitempty"`      // delivered once, newest first, at most ten: previous and retired

	Identity    key.Identity `json:"identity,omitempty"`     // pinned: what every later version must match
	Highest     int64        `json:"highest,omitempty"`      // highest version number seen
	Paused      time.Time    `json:"paused,omitzero"`        // until when nothing is delivered
	PauseReason string       `json:"pause_reason,omitempty"` // as whoever paused it said
	Missing     bool         `json:"missing,omitempty"`      // the source has no such record
	Reverting   time.Time    `json:"reverting,omitzero"`     // since when the current version, on which consumers failed, is to make way for its predecessor
	Dead        bool         `json:"dead,omitempty"`         // the current version is confirmed dead
	Lacking     Lacking      `json:"-"`                      // what a sink lacks of the current version
	StartOver   bool         `json:"-"`                      // startup_wait has passed
	Sight       Sighted      `json:"-"`                      // the last look for holders in this run
}

// Lacking says how a sink falls short of the current version.
type Lacking string

// How a sink may fall short.
const (
	LackingNothing Lacking = ""
	LackingSome    Lacking = "behind" // a sink has another version, or bytes that are not livekey's
	LackingAll     Lacking = "empty"  // a sink has no version of this key at all
)

// Version is one generation of the key and what is known about it.
type Version struct {
	ID          key.Version     `json:"id"`
	Fingerprint key.Fingerprint `json:"fingerprint"`
	Number      int64           `json:"number,omitempty"`
	// Parts are the fingerprints of the parts, sorted, by which holders and sinks are
	// matched; none where the key has one part, whose fingerprint is the version's.
	Parts []key.Fingerprint `json:"parts,omitempty"`

	Seen     time.Time `json:"seen,omitzero"` // first read
	SeenLast time.Time `json:"-"`             // last read with these bytes
	Reads    int       `json:"-"`             // reads that agreed, while regressed

	Last   key.Verdict `json:"last"` // last that was not unknown; of a key without a provider, its no_provider
	Latest key.Verdict `json:"-"`    // last of any kind

	Rejections    int       `json:"rejections,omitempty"` // authentic, in a row
	RejectedFirst time.Time `json:"rejected_first,omitzero"`
	Doubts        int       `json:"-"` // rejections without the issuer's mark, in a row
	DoubtedFirst  time.Time `json:"-"`

	// Listed is what the issuer's own list of keys says of it; nil: nothing. It is told, and no verdict.
	Listed *key.Listing `json:"listed,omitempty"`

	Hold     Hold       `json:"hold,omitempty"`     // why a candidate is not delivered; empty: being proved
	Approved bool       `json:"approved,omitempty"` // somebody said: deliver it all the same
	Unproved key.Reason `json:"unproved,omitempty"` // delivered by an exception, for this reason

	Delivered time.Time `json:"delivered,omitzero"`  // by the first sink
	Replaced  time.Time `json:"replaced,omitzero"`   // when the last sink had the successor: grace counts from here
	Retired   bool      `json:"retired,omitempty"`   // its rejection is confirmed
	Early     *Early    `json:"early,omitempty"`     // it was revoked before everybody had moved on; never changed, only replaced
	Ended     bool      `json:"ended,omitempty"`     // somebody was told that its rotation is complete
	Unwatched bool      `json:"unwatched,omitempty"` // nobody has its bytes any more: when it dies cannot be told
	Failed    string    `json:"failed,omitempty"`    // the consumer that did not come back with it: not delivered again unless approved

	Due     time.Time `json:"-"` // when it is to be checked again; zero: not by itself
	Warn    time.Time `json:"-"` // of a current version: when its end is near enough to be told, or nearer; zero: never
	Reread  time.Time `json:"-"` // when its source is to be read again; zero: not by itself
	Attempt int       `json:"-"` // checks in a row that did not settle it
}

// Prints are the fingerprints of the parts: one where the key has one.
func (v *Version) Prints() []key.Fingerprint {
	if len(v.Parts) > 0 {
		return slices.Clone(v.Parts)
	}
	return []key.Fingerprint{v.Fingerprint}
}

// Early says who is left behind by a version that was revoked too soon.
type Early struct {
	Holders []key.Consumer `json:"holders,omitempty"` // last seen with it; none: a sink was behind
	Blind   bool           `json:"blind,omitempty"`   // whoever saw them could not look everywhere
}

// Hold is why a candidate is not delivered. The texts are fixed: status shows them.
type Hold string

// Why a candidate may be held.
const (
	HoldNone       Hold = ""
	HoldUnknown    Hold = "unknown"    // nobody could say whether it lives
	HoldRejected   Hold = "rejected"   // the issuer refused it
	HoldMalformed  Hold = "malformed"  // not even sent
	HoldWorse      Hold = "worse"      // ranks below the current version
	HoldMisplaced  Hold = "misplaced"  // belongs to somebody else
	HoldRegressed  Hold = "regressed"  // older than what was seen before
	HoldComparing  Hold = "comparing"  // waits for the current version's verdict of this minute
	HoldPaused     Hold = "paused"     // a person paused this key
	HoldFailed     Hold = "failed"     // its consumers did not come back with it
	HoldDelivering Hold = "delivering" // handed to the sinks
)

// Suspect says that the issuer refused the current version and that this is not yet confirmed.
func (s State) Suspect() bool {
	return s.Current != nil && s.Current.Rejections > 0 && !s.Dead
}

// Find returns the version with this fingerprint, nil if the state has none.
func (s *State) Find(f key.Fingerprint) *Version {
	for _, v := range []*Version{s.Delivering, s.Current, s.Candidate} {
		if v != nil && v.Fingerprint == f {
			return v
		}
	}
	return s.old(f)
}

func (s *State) old(f key.Fingerprint) *Version {
	for i := range s.Older {
		if s.Older[i].Fingerprint == f {
			return &s.Older[i]
		}
	}
	return nil
}

// Approvable returns the version that a person may have delivered although it is held:
// the candidate, or the current one, which consumers failed on and no sink is given any
// more. An empty id means whichever it is. Nil: there is none, and why says why the
// candidate is held.
func (s *State) Approvable(id key.Version) (v *Version, why Hold) {
	if c := s.Candidate; c != nil && (id == "" || id == c.ID) {
		if why = c.Hold; why.Approvable() {
			return c, why
		}
	}
	if c := s.Current; c != nil && c.Failed != "" && s.Delivering == nil && (id == "" || id == c.ID) {
		return c, HoldFailed
	}
	return nil, why
}

// Was says whether f was delivered before what is current: a sink that has it may have it
// from then.
func (s *State) Was(f key.Fingerprint) bool {
	old := s.old(f)
	return old != nil && !old.Delivered.IsZero()
}

// Replaceable says whether some sink may still have an old version, as far as anybody
// noted.
func (s *State) Replaceable() bool {
	return slices.ContainsFunc(s.Older, func(v Version) bool { return !v.Delivered.IsZero() && v.Replaced.IsZero() })
}

// Steady says that a source which still has the version f changes nothing: it is
// delivered, and nothing else is under way.
func (s *State) Steady(f key.Fingerprint) bool {
	return s.Current != nil && s.Current.Fingerprint == f && s.Current.Latest.Reason != key.NotYetAsked &&
		s.Candidate == nil && s.Delivering == nil && !s.Missing
}

// Durable is the state without what a journal need not keep: two states with the
// same Durable need no write between them.
func (s State) Durable() State {
	s = s.clone()
	for _, v := range s.all() {
		v.SeenLast, v.Due, v.Warn, v.Reread, v.DoubtedFirst = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
		v.Reads, v.Attempt, v.Doubts = 0, 0, 0
		v.Latest = key.Verdict{}
		v.Last.CheckedAt, v.Last.RequestID, v.Last.RetryAfter, v.Last.Limits = time.Time{}, "", 0, nil
	}
	s.Lacking, s.StartOver, s.Sight = LackingNothing, false, Sighted{}
	return s
}

// Stage says where a version of s stands.
func (s State) Stage(f key.Fingerprint) key.Stage {
	v := s.Find(f)
	switch {
	case v == nil:
		return ""
	case v == s.Current:
		return key.StageCurrent
	case v == s.Delivering, v == s.Candidate && v.Hold == HoldNone:
		return key.StagePending
	case v == s.Candidate:
		return key.StageHeld
	case v.Retired:
		return key.StageRetired
	default:
		return key.StagePrevious
	}
}

// clone copies every version, so that the result shares nothing that Next changes.
func (s State) clone() State {
	for _, p := range []**Version{&s.Candidate, &s.Delivering, &s.Current} {
		if *p != nil {
			v := **p
			*p = &v
		}
	}
	s.Older = append([]Version(nil), s.Older...)
	return s
}

func (s *State) all() []*Version {
	var all []*Version
	for _, v := range []*Version{s.Candidate, s.Delivering, s.Current} {
		if v != nil {
			all = append(all, v)
		}
	}
	for i := range s.Older {
		all = append(all, &s.Older[i])
	}
	return all
}

// Delivered are the versions that a sink has, may have or had, newest first.
func (s State) Delivered() []Version {
	var all []Version
	for _, v := range []*Version{s.Delivering, s.Current} {
		if v != nil {
			all = append(all, *v)
		}
	}
	return append(all, s.Older...)
}
