package report

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Answer is what livekey says to a consumer that saw a key refused.
type Answer struct {
	Key         key.Name    `json:"key"`
	Verdict     Found       `json:"verdict"`
	Fingerprint string      `json:"fingerprint,omitempty"` // of what is delivered now
	Version     key.Version `json:"version,omitempty"`
	CheckedAt   time.Time   `json:"checked_at,omitzero"` // when its issuer was last asked
	Sinks       []Place     `json:"sinks,omitempty"`
	Message     string      `json:"message"`
	Action      string      `json:"action"`
}

// Found is what came of a report.
type Found string

// What may come of a report.
const (
	Fine    Found = "fine"    // the issuer accepts what is delivered
	New     Found = "new"     // it does, and that is newer than what the consumer may have
	Blocked Found = "blocked" // it knows the key, and does not let it be used
	Dead    Found = "dead"    // it refuses what is delivered, and no source has another
	Unknown Found = "unknown" // nobody could say
)

// Place is where a version was delivered.
type Place struct {
	Path      string    `json:"path"`
	WrittenAt time.Time `json:"written_at,omitzero"`
}
