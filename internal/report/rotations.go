package report

import (
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trail"
)

// Rotations is what `livekey rotations` shows: the evidence, newest first.
type Rotations struct {
	Rotations []Rotation `json:"rotations"`
}

// Rotation is one version of a key taking the place of another.
type Rotation struct {
	Key     key.Name       `json:"key"`
	Number  int            `json:"number"` // of this key, from 1
	State   trail.State    `json:"state"`  // running, complete, reverted
	From    Version        `json:"from"`
	To      Version        `json:"to"`
	BeganAt time.Time      `json:"began_at"`          // when the first sink had the new version
	EndedAt time.Time      `json:"ended_at,omitzero"` // of one that is complete or reverted
	Scope   []key.Consumer `json:"scope,omitempty"`   // whom the config declares as consumers now
	Steps   []trail.Step   `json:"steps"`             // by time
}

// Version names one version of a key. Fingerprints are the short form.
type Version struct {
	Version     key.Version `json:"version,omitempty"`
	Fingerprint string      `json:"fingerprint"`
}

// String names it for a person.
func (v Version) String() string { return trail.Named(v.Version, v.Fingerprint) }
