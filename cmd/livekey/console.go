package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/ui"
)

// console writes log lines for a person who watches a terminal:
//
//	15:04:05 WARN  alert opened cause=key_dead key=ANTHROPIC_API_KEY …
//
// The time is the local one. What the line says already is left out.
type console struct {
	attrs slog.Handler // writes attributes alone, into the screen's line
	to    *screen
}

// screen is what all consoles of one terminal write to, a line at a time.
type screen struct {
	ui.Printer
	mu   sync.Mutex
	line bytes.Buffer
}

func newConsole(p ui.Printer, level slog.Level) slog.Handler {
	s := &screen{Printer: p}
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: attributesAlone}
	return console{attrs: terse{slog.NewTextHandler(&s.line, o)}, to: s}
}

// attributesAlone leaves out what the beginning of a line has.
func attributesAlone(groups []string, at slog.Attr) slog.Attr {
	if len(groups) == 0 && (at.Key == slog.TimeKey || at.Key == slog.LevelKey || at.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return forPeople(groups, at)
}

func (c console) Enabled(ctx context.Context, l slog.Level) bool { return c.attrs.Enabled(ctx, l) }

func (c console) Handle(ctx context.Context, r slog.Record) error {
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	c.to.line.Reset()
	if err := c.attrs.Handle(ctx, unrepeated(r)); err != nil {
		return err
	}
	level := c.to.Paint(levelStyle(r.Level), fmt.Sprintf("%-5s", r.Level))
	text := fmt.Sprintf("%s %s %s %s", c.to.Paint(ui.Faint, r.Time.Local().Format(time.TimeOnly)), level,
		c.to.Paint(ui.Title, r.Message), c.to.line.Bytes())
	_, err := io.WriteString(c.to.Out, text)
	return err
}

// unrepeated is r without what a line says in another way: the id of an alert, its severity
// and since when it is open, and the fingerprint of a version that has no other name.
func unrepeated(r slog.Record) slog.Record {
	var version string
	alert := false
	r.Attrs(func(at slog.Attr) bool {
		switch at.Key {
		case "version":
			version = at.Value.String()
		case "cause": // and key tell one alert from another
			alert = true
		}
		return true
	})
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(at slog.Attr) bool {
		switch {
		case at.Key == "severity", at.Key == "since", at.Key == "id" && alert:
		case at.Key == "fingerprint" && at.Value.String() == version:
		default:
			short.AddAttrs(at)
		}
		return true
	})
	return short
}

func levelStyle(l slog.Level) ui.Style {
	switch {
	case l >= slog.LevelError:
		return ui.Bad
	case l >= slog.LevelWarn:
		return ui.Warn
	default:
		return ui.Plain
	}
}

func (c console) WithAttrs(attrs []slog.Attr) slog.Handler {
	return console{attrs: c.attrs.WithAttrs(attrs), to: c.to}
}

func (c console) WithGroup(name string) slog.Handler {
	return console{attrs: c.attrs.WithGroup(name), to: c.to}
}
