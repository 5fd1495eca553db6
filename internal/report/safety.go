package report

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Safety is what `livekey safe-to-revoke` answers.
type Safety struct {
	Name key.Name `json:"name"`
	Safe bool     `json:"safe"`
	Exit int      `json:"exit"` // 0 safe, 5 not safe, 4 cannot be told
	// Scope is whom the config declares as consumers: the answer is about them and about
	// whoever is in sight, and about nobody else.
	Scope    []InScope `json:"scope"`
	Checks   []Fact    `json:"checks"`
	Holders  []Holder  `json:"holders"`  // of the previous version
	Unseen   []string  `json:"unseen"`   // where nobody could look, in a line each
	Previous *Version  `json:"previous"` // that may be revoked or not; null: there is none
	Current  *Version  `json:"current,omitempty"`
	// RefusedSince is when its issuer began to refuse the previous version; zero: it does not.
	RefusedSince time.Time `json:"refused_since,omitzero"`
	AskedAt      time.Time `json:"asked_at"`
}

// InScope is one declared consumer.
type InScope struct {
	Consumer    key.Consumer `json:"consumer"`
	OK          bool         `json:"ok"`                // it has the current version
	Unknown     bool         `json:"unknown,omitempty"` // nobody could tell
	How         string       `json:"how,omitempty"`     // by which that is known: seen by a scan, said so itself, said in its name, another livekey says so
	Fingerprint string       `json:"fingerprint,omitempty"`
	At          time.Time    `json:"at,omitzero"` // since when, or of the look
	Detail      string       `json:"detail,omitempty"`
}

// Fact is one thing that must hold.
type Fact struct {
	What    string `json:"what"` // previous, live, sinks, reloads, sight, holders, scope
	OK      bool   `json:"ok"`
	Unknown bool   `json:"unknown,omitempty"` // nobody could tell
	Detail  string `json:"detail,omitempty"`
}
