package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/journald"
	"github.com/livekey/livekey/internal/ui"
)

// logger writes to stderr: text where a person watches, to the journal where stderr
// leads there, JSON elsewhere, unless the config says which.
func (a *app) logger(c config.Log) *slog.Logger {
	level := levelOf(c)
	lines := slog.NewJSONHandler(a.err.Out, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutEmpty})
	auto := c.Format == "auto" || c.Format == ""
	switch {
	case ui.IsTerminal(a.err.Out) && (c.Format == "text" || auto):
		return slog.New(newConsole(a.err, level))
	case c.Format == "text":
		o := &slog.HandlerOptions{Level: level, ReplaceAttr: forPeople}
		return slog.New(terse{slog.NewTextHandler(a.err.Out, o)})
	case c.Format == "journald" || auto && journald.Connected(a.err.Out):
		return slog.New(journald.New(level, lines))
	default:
		return slog.New(lines)
	}
}

// levelOf is the least that is logged.
func levelOf(c config.Log) (level slog.Level) {
	_ = level.UnmarshalText([]byte(c.Level)) // the config has been checked; what it has not is info
	return level
}

// quiet is for commands that say themselves what matters: warnings only, as text.
func (a *app) quiet() *slog.Logger { return a.logger(config.Log{Level: "warn", Format: "text"}) }

// withoutEmpty leaves out what says nothing, such as the reason why nobody proved a
// key that was proved.
func withoutEmpty(_ []string, at slog.Attr) slog.Attr {
	if at.Value.Kind() == slog.KindGroup {
		return at
	}
	if text := at.Value.String(); text == "" || text == "[]" { // an empty list
		return slog.Attr{}
	}
	return at
}

// forPeople tells the entries of a list apart, and errors that were joined.
func forPeople(groups []string, at slog.Attr) slog.Attr {
	if err, ok := at.Value.Any().(error); ok {
		return slog.String(at.Key, oneLine(err.Error()))
	}
	if list, ok := at.Value.Any().([]string); ok {
		return slog.String(at.Key, strings.Join(list, "; "))
	}
	return withoutEmpty(groups, at)
}

// terse leaves out an alert's evidence, which fills a screen: it is for machines, and
// `livekey status --output json` has it. Why it is over stays: the summary still says what
// was wrong.
type terse struct{ slog.Handler }

func (t terse) Handle(ctx context.Context, r slog.Record) error {
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(at slog.Attr) bool {
		if at.Key != "evidence" {
			short.AddAttrs(at)
			return true
		}
		for _, e := range at.Value.Resolve().Group() {
			if e.Key == alerts.ResolvedBy {
				short.AddAttrs(e)
			}
		}
		return true
	})
	return t.Handler.Handle(ctx, short)
}

func (t terse) WithAttrs(attrs []slog.Attr) slog.Handler { return terse{t.Handler.WithAttrs(attrs)} }
func (t terse) WithGroup(name string) slog.Handler       { return terse{t.Handler.WithGroup(name)} }
