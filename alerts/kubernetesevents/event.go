package kubernetesevents

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

const (
	component = "livekey"

	// told is the annotation that says which event of the alert was the last: the same one,
	// sent again, does not count.
	told = "livekey.dev/told"

	maxMessage  = 1024 // bytes: what an Event may say
	maxSummary  = 320
	maxOther    = 120
	mostFurther = 3 // facts, places and actions each
	maxCount    = 1 << 20
)

// event is an Event of the API, as far as livekey writes it.
type event struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   meta     `json:"metadata"`
	Involved   involved `json:"involvedObject"`
	Reason     string   `json:"reason"`
	Message    string   `json:"message"`
	Type       string   `json:"type"`
	Source     source   `json:"source"`
	Count      int      `json:"count"`
	First      string   `json:"firstTimestamp"`
	Last       string   `json:"lastTimestamp"`
	Reporting  string   `json:"reportingComponent"`
	Instance   string   `json:"reportingInstance"`
}

type meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Annotations     map[string]string `json:"annotations"`
}

type involved struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
}

type source struct {
	Component string `json:"component"`
}

// compose makes the Event of an alert: one for as long as it is open, which counts how often it
// was told, and one for its end.
func compose(of object, a alerts.Alert) event {
	kind, reason := "Warning", camel(a.Data.Cause)
	if a.Data.Severity == alerts.Info {
		kind = "Normal"
	}
	if a.Type == alerts.Resolved {
		kind, reason = "Normal", reason+"Resolved"
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{of.kind, of.namespace, of.name, a.Data.ID, reason}, "\x00")))
	at := a.Timestamp.UTC().Format(time.RFC3339)
	return event{
		APIVersion: "v1", Kind: "Event",
		Metadata: meta{
			Name: component + "." + hex.EncodeToString(sum[:10]), Namespace: of.namespace,
			Annotations: map[string]string{told: alerts.EventID(a)},
		},
		Involved: involved{"v1", of.kind, of.namespace, of.name, ""},
		Reason:   reason, Message: message(a), Type: kind,
		Source: source{component}, Reporting: component, Instance: component,
		Count: 1, First: at, Last: at,
	}
}

// follow makes e the successor of the Event that is there.
func (e *event) follow(before event) {
	e.Metadata.ResourceVersion, e.Involved.UID = before.Metadata.ResourceVersion, before.Involved.UID
	e.First, e.Count = before.First, before.Count
	if before.Metadata.Annotations[told] != e.Metadata.Annotations[told] {
		e.Count = min(e.Count+1, maxCount)
	}
}

// message is what a person reads: what is known, in the order of use.
func message(a alerts.Alert) string {
	d := a.Data
	words := []string{alerts.Line(d.Summary, maxSummary)}
	further := func(lead string, all []string) {
		if lines := alerts.Lines(all, mostFurther, maxOther); len(lines) > 0 {
			words = append(words, lead+strings.Join(lines, ", "))
		}
	}
	words[0] = strings.Join([]string{a.Type.Happened(), string(d.Severity), string(d.Cause), d.ID}, " ") + ": " + words[0]
	if d.Key != "" {
		words = append(words, "key: "+string(d.Key)+" of "+d.Provider)
	}
	further("do: ", d.Actions)
	further("", d.Facts())
	further("affected: ", d.Affected)
	return alerts.Line(strings.Join(words, "; "), maxMessage)
}

// camel is a cause as Kubernetes writes reasons: KeyDead.
func camel(c key.Cause) string {
	var b strings.Builder
	for word := range strings.SplitSeq(string(c), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
