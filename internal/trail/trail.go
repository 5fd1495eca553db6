// Package trail is the evidence of rotations: what happened to a version from the
// moment its source had it to the moment its predecessor was revoked. Names and
// fingerprints only; the journal keeps it.
package trail

import (
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Rotation is one version of a key taking the place of another.
type Rotation struct {
	Key key.Name `json:"key"`
	// Number counts the rotations of the key: a version that comes back, comes by another one.
	Number int       `json:"number"`
	From   Version   `json:"from"`
	To     Version   `json:"to"`
	Began  time.Time `json:"began"` // when the first sink had the new version
	Steps  []Step    `json:"steps"` // in the order in which they were noted
}

// Version names one version of the key.
type Version struct {
	Version     key.Version     `json:"version"`
	Fingerprint key.Fingerprint `json:"fingerprint"`
}

// String names it for a person.
func (v Version) String() string { return "version " + Named(v.Version, v.Fingerprint.String()) }

// Named is a version with its fingerprint in the short form, once where the fingerprint is
// all that it is known by: a file has no versions of its own.
func Named(v key.Version, fingerprint string) string {
	if string(v) == fingerprint || v == "" {
		return fingerprint
	}
	return fmt.Sprintf("%s (%s)", v, fingerprint)
}

// Step is one fact of a rotation.
type Step struct {
	At     time.Time `json:"at"`
	What   What      `json:"what"`
	Where  string    `json:"where,omitempty"`  // the sink, or the consumer
	Detail string    `json:"detail,omitempty"` // for a person, never a value
}

// What a step may be.
type What string

// The steps, in the order of a rotation in which all goes well.
const (
	Seen       What = "seen"      // the source had it
	Proved     What = "proved"    // its issuer said that it lives
	Delivered  What = "delivered" // Where: a sink
	Reloaded   What = "reloaded"  // Where: a sink; its consumers were told, and came back
	Failed     What = "failed"    // Where: a consumer that did not come back
	Reverted   What = "reverted"  // the predecessor was delivered again
	Adopted    What = "adopted"   // Where: a consumer; Detail: who says so
	Held       What = "held"      // Where: a consumer that was seen with the predecessor; kept once, with its last time
	Reported   What = "reported"  // Where: a consumer that reported a 401
	Refused    What = "refused"   // the issuer refused the predecessor for the first time
	RevokeDone What = "revoked"   // livekey itself revoked the predecessor
	Complete   What = "complete"  // the refusal is confirmed
	Unwatched  What = "unwatched" // nobody has the predecessor's value: livekey cannot tell when it dies
)
