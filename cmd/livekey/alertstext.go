package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

// alertsText is what is open, the most severe first, with what to do about it. If alone,
// no line of a key beside it tells the detail.
func (a *app) alertsText(all []alerts.Data, now time.Time, alone bool) string {
	open := slices.Clone(all)
	slices.SortStableFunc(open, func(x, y alerts.Data) int { return cmp.Compare(rank(y), rank(x)) })
	var b strings.Builder
	for _, alert := range open {
		fmt.Fprintf(&b, "\n%s %s\n", a.out.Paint(alertStyle(alert), string(alert.Severity)+" "+string(alert.Cause)),
			a.out.Paint(ui.Faint, ui.Age(now, alert.Since)))
		b.WriteString(a.out.Wrap(ui.Plain, "  ", "    ", alert.Summary))
		said := alert.Summary + strings.Join(alert.Actions, "\n")
		if detail := alert.Evidence["detail"]; (alone || unsaid[alert.Cause]) && !strings.Contains(said, detail) {
			b.WriteString(a.out.Wrap(ui.Plain, "  ", "    ", oneLine(detail)))
		}
		for _, action := range alert.Actions {
			b.WriteString(a.out.Wrap(ui.Plain, "  -> ", "     ", action))
		}
	}
	return b.String()
}

// unsaid are the causes of alerts whose detail no line of their key tells.
var unsaid = map[key.Cause]bool{key.SourceMissing: true, key.SourceUnreachable: true, key.SelfDegraded: true}

func rank(a alerts.Data) int {
	return slices.Index([]key.Severity{key.Info, key.Warning, key.Critical}, a.Severity)
}

func alertStyle(a alerts.Data) ui.Style {
	return map[key.Severity]ui.Style{key.Info: ui.Plain, key.Warning: ui.Warn, key.Critical: ui.Bad}[a.Severity]
}

// channelsTable is what each channel has not taken, and why.
func channelsTable(channels []report.Channel, now time.Time) *ui.Table {
	table := ui.NewTable("channel", "waiting", "oldest", "last try")
	for _, c := range channels {
		oldest, last := "-", ui.Cell{Text: "taken", Style: ui.Good}
		if !c.Since.IsZero() {
			oldest = ui.Age(now, c.Since)
		}
		switch {
		case c.Error != "":
			last = ui.Cell{Text: c.Error, Style: ui.Bad}
		case c.Tried.IsZero():
			last = ui.Text("-")
		}
		table.Row(ui.Cell{Text: c.Name, Style: ui.Title}, ui.Text(fmt.Sprint(c.Waiting)), ui.Text(oldest), last)
	}
	return table
}
