package slack

import (
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
)

// Slack cuts longer texts off where it likes.
const (
	maxLine  = 600 // bytes
	maxItems = 12  // of one list
)

// message is the body of a post. Attachments are old, and the one form that every
// chat with Slack's webhooks knows.
type message struct {
	Text        string       `json:"text"`
	Markdown    bool         `json:"mrkdwn"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Fallback string   `json:"fallback"`
	Color    string   `json:"color"`
	Text     string   `json:"text"`
	Fields   []field  `json:"fields"`
	Footer   string   `json:"footer"`
	Unix     int64    `json:"ts"`
	Markdown []string `json:"mrkdwn_in"` // none: what a backend or an issuer says is no markup
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// compose makes a message that a person can act on.
func compose(a alerts.Alert) message {
	d := a.Data
	title := a.Type.Happened() + ": " + string(d.Severity) + " " + string(d.Cause)
	if d.Key != "" {
		title += " of " + string(d.Key)
	}
	if d.Provider != "" {
		title += " (" + d.Provider + ")"
	}
	title = escape(alerts.Line(title, maxLine))
	m := message{Text: title, Attachments: []attachment{{
		Fallback: title, Color: color(a), Text: escape(alerts.Line(d.Summary, maxLine)), Fields: []field{},
		Footer: "livekey " + escape(alerts.Line(d.ID, maxLine)), Unix: a.Timestamp.Unix(), Markdown: []string{},
	}}}
	since := ""
	if !d.Since.IsZero() {
		since = d.Since.UTC().Format(time.RFC3339)
	}
	for _, list := range []struct {
		title string
		items []string
		short bool
	}{
		{"What to do", d.Actions, false},
		{"Affected", d.Affected, true},
		{"Evidence", d.Facts(), true},
		{"Since", []string{since}, true},
	} {
		if text := strings.Join(alerts.Lines(list.items, maxItems, maxLine), "\n"); text != "" {
			m.Attachments[0].Fields = append(m.Attachments[0].Fields, field{list.title, escape(text), list.short})
		}
	}
	return m
}

func color(a alerts.Alert) string {
	switch {
	case a.Type == alerts.Resolved:
		return "good"
	case a.Data.Severity == alerts.Critical:
		return "danger"
	case a.Data.Severity == alerts.Warning:
		return "warning"
	}
	return "#439fe0"
}

// escape takes from a text what Slack would make a link or a mention of.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
