// Package logchannel is the channel that is always on: one line per alert in
// livekey's own log.
package logchannel

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/alerts"
)

type channel struct{ log *slog.Logger }

// New returns a channel that writes to log. Its level is the severity's; an alert
// that is resolved is info.
func New(log *slog.Logger) alerts.Channel { return channel{log} }

// Send writes one line and never fails.
func (c channel) Send(ctx context.Context, a alerts.Alert) error {
	c.log.LogAttrs(ctx, level(a), message(a.Type), attrs(a.Data)...) //nolint:sloglint // one of a few constants
	return nil
}

func message(t alerts.Type) string {
	switch t {
	case alerts.Opened:
		return "alert opened"
	case alerts.Updated:
		return "alert updated"
	case alerts.Resolved:
		return "alert resolved"
	}
	return "alert"
}

func level(a alerts.Alert) slog.Level {
	switch {
	case a.Type == alerts.Resolved:
		return slog.LevelInfo
	case a.Data.Severity == alerts.Critical:
		return slog.LevelError
	case a.Data.Severity == alerts.Warning:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// attrs are the fields of the alert's JSON, empty ones left out.
func attrs(d alerts.Data) []slog.Attr {
	list := []slog.Attr{
		slog.String("id", d.ID),
		slog.String("cause", string(d.Cause)),
		slog.String("severity", string(d.Severity)),
	}
	if d.Key != "" {
		list = append(list, slog.String("key", string(d.Key)))
	}
	if d.Provider != "" {
		list = append(list, slog.String("provider", d.Provider))
	}
	list = append(list, slog.String("summary", d.Summary))
	if !d.Since.IsZero() {
		list = append(list, slog.String("since", d.Since.UTC().Format(time.RFC3339)))
	}
	if len(d.Evidence) > 0 {
		var evidence []any
		for _, name := range slices.Sorted(maps.Keys(d.Evidence)) {
			evidence = append(evidence, slog.String(name, d.Evidence[name]))
		}
		list = append(list, slog.Group("evidence", evidence...))
	}
	if len(d.Affected) > 0 {
		list = append(list, slog.Any("affected", d.Affected))
	}
	if len(d.Actions) > 0 {
		list = append(list, slog.Any("actions", d.Actions))
	}
	return list
}
