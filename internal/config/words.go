package config

// A Word is a text of which only a few are legal: Decode refuses the others and names
// these. The default that a field is decoded over may always be written out, even
// where it is no word: that is how "" says that nothing was said.
type Word interface{ Words() []string }

// OnUnknown says what happens to a candidate that nobody can judge while a sink is empty.
type OnUnknown string

// What on_unknown may be.
const (
	Hold           OnUnknown = "hold"
	PublishIfEmpty OnUnknown = "publish_if_empty"
)

// Words are the legal ones.
func (OnUnknown) Words() []string { return []string{string(Hold), string(PublishIfEmpty)} }

// Rollback says when a version with a lower number may become current.
type Rollback string

// What allow_rollback may be.
const (
	RollbackNever     Rollback = "never"
	RollbackConfirmed Rollback = "confirmed" // three reads over a minute agree
	RollbackAlways    Rollback = "always"
)

// Words are the legal ones.
func (Rollback) Words() []string {
	return []string{string(RollbackNever), string(RollbackConfirmed), string(RollbackAlways)}
}

// LogLevel is the least that is logged.
type LogLevel string

// Words are the legal ones.
func (LogLevel) Words() []string { return []string{"debug", "info", "warn", "error"} }

// LogFormat is who reads the log: auto looks whether it is a terminal or the journal.
type LogFormat string

// Words are the legal ones.
func (LogFormat) Words() []string { return []string{"auto", "text", "json", "journald"} }

// form is how a value is linted; "": as the provider's file states.
type form string

func (form) Words() []string { return []string{"token", "text", "pem", "json"} }

// wrapping is how a value's bytes stand in its record.
type wrapping string

func (wrapping) Words() []string { return []string{"plain", "base64"} }

// identity says whether the first proved owner is held to.
type identity string

func (identity) Words() []string { return []string{"pin", "follow"} }
