// Package key holds livekey's nouns. It imports only the standard library.
package key

import (
	"errors"
	"log/slog"
	"maps"
	"time"
)

// Name is a key's name in the config: [A-Za-z_][A-Za-z0-9_./-]{0,127}.
type Name string

// Part names one value of a key. A key with one value has the part DefaultPart.
type Part string

// DefaultPart is the part of a key that has only one.
const DefaultPart Part = "value"

// Version is a backend's opaque id of one generation. Never sort or parse it.
type Version string

// Fingerprint is HMAC-SHA-256 of one part, or of all parts of a version, under
// the installation's salt: 64 hex digits. String shows 12.
type Fingerprint string

// String is the short form for people; compare the whole Fingerprint.
func (f Fingerprint) String() string { return string(f[:min(12, len(f))]) }

// LogValue is the short form: a log is read by people.
func (f Fingerprint) LogValue() slog.Value { return slog.StringValue(f.String()) }

// Location names one record of one source: what costs one read. A field is not
// part of it, so keys that share a Location share the read.
type Location struct {
	Source  string  // name under sources:
	Path    string  // after "<source>://", escapes already undone
	Version Version // empty: the current one
	Params  string  // the kind's other parameters, sorted: "namespace=team&stage=AWSPENDING"
}

// String is the location as a config writes it, without a field.
func (l Location) String() string {
	s := l.Source + "://" + l.Path
	sep := "?"
	if l.Version != "" {
		s += sep + "version=" + string(l.Version)
		sep = "&"
	}
	if l.Params != "" {
		s += sep + l.Params
	}
	return s
}

// Ref is a Location and the field inside its record that holds the value. An
// empty Field means the whole record; one that starts with "/" is a JSON pointer.
type Ref struct {
	Location
	Field string
}

// String is the reference as a config writes it.
func (r Ref) String() string {
	if r.Field == "" {
		return r.Location.String()
	}
	return r.Location.String() + "#" + r.Field
}

// ErrNotFound says that a source answered, and has no such record.
var ErrNotFound = errors.New("not found")

// Identity is what an issuer tells about the owner of a key, by field:
// "organization", "workspace", "mode". It never holds a value.
type Identity map[string]string

// Stage is where a version stands in the life of its key.
type Stage string

// The stages, in the order of a version's life.
const (
	StagePending  Stage = "pending"  // fetched, being proved
	StageHeld     Stage = "held"     // proved or not, and not delivered for a stated reason
	StageCurrent  Stage = "current"  // delivered to at least one sink
	StagePrevious Stage = "previous" // was current, may still be in use
	StageRetired  Stage = "retired"  // was current, its rejection is confirmed
)

// Verdict is what one probe learned. The zero Verdict is unknown.
type Verdict struct {
	Outcome     Outcome       `json:"outcome"`
	Reason      Reason        `json:"reason,omitempty"`
	Which       string        `json:"which,omitempty"`       // of blocked: no_credit, spend_cap, org_disabled, needs_workspace; of malformed: the fault
	Detail      string        `json:"detail,omitempty"`      // one sentence for a person, never a value
	Fingerprint Fingerprint   `json:"fingerprint,omitempty"` // of the material that was checked
	Control     Control       `json:"control,omitempty"`     // of a rejection: what a made-up credential was told at the same time
	HTTPStatus  int           `json:"http_status,omitempty"`
	RequestID   string        `json:"request_id,omitempty"`
	CheckedAt   time.Time     `json:"checked_at,omitzero"`
	ExpiresAt   time.Time     `json:"expires_at,omitzero"` // zero: the issuer does not say
	RetryAfter  time.Duration `json:"retry_after,omitempty"`
	Identity    Identity      `json:"identity,omitempty"`
	Limits      *Limits       `json:"limits,omitempty"` // nil: the issuer does not say
}

// Limits is how often an issuer lets a key be used, as it was at the time of the verdict.
type Limits struct {
	Limit     int64     `json:"limit"`             // calls in each period
	Remaining int64     `json:"remaining"`         // of them
	ResetAt   time.Time `json:"reset_at,omitzero"` // when the period ends; zero: not told
}

// Listing is what the issuer's own list of its keys says of a version. It is found by the
// little that such a list shows of each key: it is told, and no verdict.
type Listing struct {
	Name      string    `json:"name,omitempty"`
	Owner     string    `json:"owner,omitempty"`
	Status    string    `json:"status,omitempty"` // in the issuer's word: active, inactive, …
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Ambiguous says that several keys of the list could be it: Name has theirs, and
	// nothing else is known.
	Ambiguous bool `json:"ambiguous,omitempty"`
}

// ListedAs is the field of an identity that has the status of a key which its issuer lists
// as one that may not be used.
const ListedAs = "listed_as"

// active is the status of a listed key that may be used.
const active = "active"

// Idle says that the list has the key as one that may not be used.
func (l *Listing) Idle() bool { return l != nil && l.Status != "" && l.Status != active }

// Add is id with what the list says, which replaces nothing.
func (l *Listing) Add(id Identity) Identity {
	if l == nil {
		return id
	}
	told := Identity{"name": l.Name, "owner": l.Owner}
	if l.Ambiguous {
		told["name"] = "ambiguous: " + l.Name
	}
	if l.Idle() {
		told[ListedAs] = l.Status
	}
	maps.DeleteFunc(told, func(_, text string) bool { return text == "" })
	maps.Copy(told, id)
	return told
}

// Control is what the issuer's host said to a made-up credential.
type Control string

// The answers of a control call.
const (
	ControlNone   Control = ""       // not asked
	ControlGood   Control = "good"   // refused, with the issuer's mark: the road is good
	ControlSilent Control = "silent" // no answer that says anything: ask again later
)
