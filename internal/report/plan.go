package report

import (
	"encoding/json"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Plan is what `livekey plan` shows: what a config would have livekey do.
type Plan struct {
	Keys    []PlannedKey    `json:"keys"`
	Sources []PlannedSource `json:"sources"`
	Sinks   []PlannedSink   `json:"sinks"`
}

// PlannedKey is who proves a key and who sees it.
type PlannedKey struct {
	Name         key.Name `json:"name"`
	Provider     string   `json:"provider"`
	From         string   `json:"from"`
	Hosts        []string `json:"hosts"` // that will see the value
	Probe        Duration `json:"probe,omitempty"`
	ProbesPerDay int      `json:"probes_per_day"` // while nothing changes
	Cost         string   `json:"cost,omitempty"` // of one call
	Sinks        []string `json:"sinks"`
}

// PlannedSource is how often a source is read while nothing changes.
type PlannedSource struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Records     int      `json:"records"`
	Every       Duration `json:"every"` // the record that is read most often
	ReadsPerDay int      `json:"reads_per_day"`
	Batched     bool     `json:"batched,omitempty"` // one call reads several
}

// PlannedSink is where keys go.
type PlannedSink struct {
	Name string     `json:"name"`
	Kind string     `json:"kind"`
	Path string     `json:"path,omitempty"`
	Keys []key.Name `json:"keys"`
	// OnChange are those who are told of a change, one after another: "try-restart app.service".
	OnChange []string `json:"on_change,omitempty"`
}

// Duration is written as a config writes one: "10m0s".
type Duration time.Duration

// MarshalJSON writes the text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }
