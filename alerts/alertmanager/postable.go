package alertmanager

import (
	"maps"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
)

// holdsFor is how many repetitions may be missed before Alertmanager counts an
// alert as resolved. As with Prometheus, whose own factor this is, its
// resolve_timeout does not matter then.
const holdsFor = 4

const (
	maxLine  = 2048 // bytes
	maxItems = 50
)

// postable is one alert in Alertmanager's words. Its labels are its identity: they
// are the same for all events of one alert.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt,omitzero"`
	EndsAt      time.Time         `json:"endsAt"`
}

func (c *channel) compose(a alerts.Alert, host string, now time.Time) postable {
	p := postable{
		Labels: labels(a, host), Annotations: annotations(a),
		StartsAt: a.Data.Since.UTC(), EndsAt: now.Add(holdsFor * c.set.Repeat).UTC(),
	}
	maps.Copy(p.Labels, c.set.Labels)
	maps.DeleteFunc(p.Labels, func(_, value string) bool { return value == "" })
	if a.Type == alerts.Resolved {
		p.EndsAt = a.Timestamp.UTC()
	}
	if p.StartsAt.After(p.EndsAt) { // a clock that was set back: refused otherwise
		p.StartsAt = p.EndsAt
	}
	return p
}

// labels are livekey's own. Empty ones are left out in the end.
func labels(a alerts.Alert, host string) map[string]string {
	d := a.Data
	return map[string]string{
		"alertname": "Livekey" + camel(string(d.Cause)),
		"id":        alerts.Line(d.ID, maxLine),
		"cause":     string(d.Cause),
		"severity":  string(d.Severity),
		"key":       alerts.Line(string(d.Key), maxLine),
		"provider":  alerts.Line(d.Provider, maxLine),
		"instance":  host,
	}
}

func annotations(a alerts.Alert) map[string]string {
	d := a.Data
	all := map[string]string{
		"event":    a.Type.Happened(),
		"summary":  alerts.Line(d.Summary, maxLine),
		"affected": strings.Join(alerts.Lines(d.Affected, maxItems, maxLine), ", "),
		"actions":  strings.Join(alerts.Lines(d.Actions, maxItems, maxLine), "\n"),
		"evidence": strings.Join(alerts.Lines(d.Facts(), maxItems, maxLine), "\n"),
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// camel turns key_dead into KeyDead.
func camel(cause string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(cause, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
