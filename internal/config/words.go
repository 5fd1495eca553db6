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

// StepKind is how a consumer is told that a sink changed.
type StepKind string

// The kinds of steps of on_change.
const (
	StepSystemd StepKind = "systemd"
	StepSignal  StepKind = "signal"
	StepExec    StepKind = "exec"
	StepHTTP    StepKind = "http"
)

// UnitAction is what systemd is asked to do with a unit. None starts one that does not run.
type UnitAction string

// What action may be.
const (
	UnitRestart         UnitAction = "restart"
	UnitReload          UnitAction = "reload"
	UnitReloadOrRestart UnitAction = "reload-or-restart"
)

// Words are the legal ones.
func (UnitAction) Words() []string {
	return []string{string(UnitRestart), string(UnitReload), string(UnitReloadOrRestart)}
}

// SignalName is a signal that makes a process read again. One that ends it is none:
// livekey never kills what works.
type SignalName string

// Words are the legal ones.
func (SignalName) Words() []string { return []string{"HUP", "USR1", "USR2", "WINCH"} }

// HookMethod is how an address is called.
type HookMethod string

// Words are the legal ones.
func (HookMethod) Words() []string { return []string{"POST", "PUT"} }

// OnFailure says what happens after a consumer did not come back with what changed.
type OnFailure string

// What on_failure may be.
const (
	AlertOnly OnFailure = "alert"
	Revert    OnFailure = "revert" // the version before is delivered again, if it still lives
)

// Words are the legal ones.
func (OnFailure) Words() []string { return []string{string(AlertOnly), string(Revert)} }
