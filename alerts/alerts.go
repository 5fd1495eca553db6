// Package alerts is the contract of who is told. Alerts know names and
// fingerprints, never a value.
package alerts

import (
	"context"
	"log/slog"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// Type is what happened to an alert. The texts are fixed: receivers match on them.
type Type string

// The life of an alert.
const (
	Opened   Type = "livekey.alert.opened"
	Updated  Type = "livekey.alert.updated"
	Resolved Type = "livekey.alert.resolved"
)

// Severity says who should wake up.
type Severity = key.Severity

// Severities, from "good to know" to "wake somebody".
const (
	Info     = key.Info
	Warning  = key.Warning
	Critical = key.Critical
)

// Alert is one state change of one cause. Its JSON is fixed: it is the webhook's
// body, and what `livekey status` shows.
type Alert struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is the state of one cause. While it stays open, ID and Since stay.
type Data struct {
	ID       string            `json:"id"`
	Cause    key.Cause         `json:"cause"`
	Severity Severity          `json:"severity"`
	Key      key.Name          `json:"key,omitempty"`
	Provider string            `json:"provider,omitempty"`
	Summary  string            `json:"summary"`
	Since    time.Time         `json:"since"`
	Evidence map[string]string `json:"evidence,omitempty"`
	Affected []string          `json:"affected,omitempty"` // sinks, consumers, other keys
	Actions  []string          `json:"actions,omitempty"`  // what to do, most useful first
}

// ResolvedBy is the evidence that says why an alert is over.
const ResolvedBy = "resolved_by"

// A Channel delivers alerts to one place. The engine retries and keeps the queue in
// the journal; Send is called again with the same Alert until it returns nil. An error
// wrapping ErrRefused is final: the receiver will never take this alert.
type Channel interface {
	Send(ctx context.Context, a Alert) error
}

// A Repeater forgets what it is not told again, as Alertmanager does. What is open
// is sent to it once more every Repeat, as Updated with the time of that moment, and
// never after its Resolved. The engine keeps no queue of these.
type Repeater interface {
	Repeat() time.Duration
}

// An Environed channel takes credentials from variables of livekey's own environment. A
// program that livekey runs for somebody has no business with them.
type Environed interface {
	// Variables are their names.
	Variables() []string
}

// Env is what a kind's constructor is given beside its settings.
type Env struct {
	Name string // under alerts:
	Log  *slog.Logger
	HTTP *httpclient.Factory
	// Places are where keys come from, by key: the paths of those that a source of this kind
	// has. nil: nobody knows.
	Places func(kind string) map[key.Name][]string
}
