package main

import (
	"log/slog"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
)

// logger writes to stderr: text where a person watches, JSON elsewhere, unless
// the config says which.
func (a *app) logger(c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the config has been checked; what it has not is info
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format != "json" && ui.IsTerminal(a.err.Out) {
		return slog.New(slog.NewTextHandler(a.err.Out, o))
	}
	return slog.New(slog.NewJSONHandler(a.err.Out, o))
}

// quiet is for commands that say themselves what matters: warnings only, as text.
func (a *app) quiet() *slog.Logger { return a.logger(config.Log{Level: "warn", Format: "text"}) }
