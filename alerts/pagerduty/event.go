package pagerduty

import (
	"time"

	"github.com/livekey/livekey/alerts"
)

// What PagerDuty takes: a longer summary is cut off, a longer event refused.
const (
	maxSummary = 1024 // bytes
	maxLine    = 2048
	maxItems   = 50
	maxName    = 255
)

// event is the body of a post. All events of one alert have one dedup key, and so
// are one incident.
type event struct {
	RoutingKey string  `json:"routing_key"`
	Action     string  `json:"event_action"`
	DedupKey   string  `json:"dedup_key"`
	Client     string  `json:"client"`
	Payload    payload `json:"payload"`
}

type payload struct {
	Summary   string    `json:"summary"`
	Source    string    `json:"source"`
	Severity  string    `json:"severity"`
	Timestamp time.Time `json:"timestamp"`
	Component string    `json:"component,omitempty"`
	Group     string    `json:"group,omitempty"`
	Class     string    `json:"class"`
	Details   details   `json:"custom_details"`
}

// details are shown with the incident.
type details struct {
	Event    string    `json:"event"`
	Since    time.Time `json:"since,omitzero"`
	Actions  []string  `json:"actions,omitempty"`
	Affected []string  `json:"affected,omitempty"`
	Evidence []string  `json:"evidence,omitempty"`
}

// compose makes the event of a, without its routing key.
func compose(a alerts.Alert, source string) event {
	d := a.Data
	summary := d.Summary
	if d.Key != "" {
		summary = string(d.Key) + ": " + summary
	}
	e := event{
		Action: "trigger", DedupKey: alerts.Line(d.ID, maxName), Client: "livekey",
		Payload: payload{
			Summary: alerts.Line(summary, maxSummary), Source: source, Severity: severity(d.Severity),
			Timestamp: a.Timestamp.UTC(), Component: alerts.Line(string(d.Key), maxName),
			Group: alerts.Line(d.Provider, maxName), Class: string(d.Cause),
			Details: details{
				Event: a.Type.Happened(), Since: d.Since.UTC(),
				Actions:  alerts.Lines(d.Actions, maxItems, maxLine),
				Affected: alerts.Lines(d.Affected, maxItems, maxLine),
				Evidence: alerts.Lines(d.Facts(), maxItems, maxLine),
			},
		},
	}
	if a.Type == alerts.Resolved {
		e.Action = "resolve"
	}
	return e
}

// severity is PagerDuty's word for one of ours; it knows error too.
func severity(s alerts.Severity) string {
	switch s {
	case alerts.Critical:
		return "critical"
	case alerts.Info:
		return "info"
	default:
		return "warning"
	}
}
