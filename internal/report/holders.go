package report

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// WhoHas is what `livekey who-has` shows.
type WhoHas struct {
	Holders []Holder `json:"holders"`
	// Unseen says where nobody could look, in a line each. That somebody is not among
	// the holders proves nothing; less so the more there is here.
	Unseen    []string  `json:"unseen"`
	LookedAt  time.Time `json:"looked_at,omitzero"`
	Processes int       `json:"processes"` // that could be looked at
	// Asked is the answer about a value that was pasted, nil if none was.
	Asked *Asked `json:"asked,omitempty"`
}

// Asked tells what a pasted value is.
type Asked struct {
	Fingerprint string  `json:"fingerprint"`
	Known       []Known `json:"known"` // empty: no version that livekey knows
}

// Known is one version that a value is, or is a part of.
type Known struct {
	Key     key.Name    `json:"key"`
	Version key.Version `json:"version"`
	Stage   Held        `json:"stage"` // or pending or held, of one that is not delivered
}

// Held is which version of a key somebody holds.
type Held string

// What may be held. What no version of any key is, has none of them.
const (
	HeldCurrent  Held = "current"
	HeldPrevious Held = "previous" // the one before the current
	HeldOlder    Held = "older"    // one before that
	HeldDead     Held = "dead"     // an old one that its issuer refuses
)

// Holder is one place where a version of a key was seen. Variable, user, command and the
// rest are empty where they mean nothing: a file has no pid.
type Holder struct {
	Key         key.Name  `json:"key"`
	Variable    string    `json:"variable"`
	Fingerprint string    `json:"fingerprint"` // the short form, of the part; empty: its bytes were not seen
	Stage       Held      `json:"stage"`
	PID         int       `json:"pid,omitempty"`
	User        string    `json:"user"`
	Command     string    `json:"command"`
	Unit        string    `json:"unit"`
	Container   string    `json:"container"`
	Pod         string    `json:"pod"`
	StartedAt   time.Time `json:"started_at,omitzero"`
	Fix         string    `json:"fix"` // what ends it; empty: nothing needs to

	Kind      string       `json:"kind"` // process, file, unit, manager, inode, mount
	Path      string       `json:"path,omitempty"`
	UserUnit  string       `json:"user_unit,omitempty"`
	Exporters []Exporter   `json:"exporters,omitempty"` // ancestors that carry it too, the nearest first
	Consumer  key.Consumer `json:"consumer,omitempty"`

	Version key.Fingerprint `json:"-"` // of the whole version, in full
}

// Exporter is an ancestor of a holder: what it starts next has the same again.
type Exporter struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}
