// Package journald writes log records to systemd's journal, each attribute as a field of
// its own: `journalctl LIVEKEY_KEY=NAME` finds every line about a key.
package journald

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

const (
	identifier = "livekey"
	prefix     = "LIVEKEY_"
	maxName    = 64 // the journal drops a field with a longer name
)

// Send hands one entry to the journal. go-systemd's journal.Send is one.
type Send func(message string, priority journal.Priority, fields map[string]string) error

// A Handler is a slog.Handler. The message is for people: the record's, and behind it
// the attributes as a text log has them. Safe for concurrent use.
type Handler struct {
	level     slog.Leveler
	send      Send
	otherwise slog.Handler
	groups    []string
	attrs     []attr // of the groups that were open then
}

// New returns a handler of records at level and above. A record that the journal does not
// take goes to otherwise: an alert must not be lost with it.
func New(level slog.Leveler, otherwise slog.Handler) *Handler {
	return &Handler{level: level, send: journal.Send, otherwise: otherwise}
}

// Connected says whether stderr leads to the journal, which then takes records by its
// own protocol too.
func Connected(stderr any) bool {
	f, ok := stderr.(*os.File)
	if !ok || f != os.Stderr {
		return false
	}
	is, err := journal.StderrIsJournalStream()
	return err == nil && is
}

// Enabled says whether the level is logged.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// WithAttrs returns a handler whose records all have attrs.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		next.attrs = flatten(next.attrs, h.groups, a)
	}
	next.otherwise = h.otherwise.WithAttrs(attrs)
	return &next
}

// WithGroup returns a handler whose later attributes are in a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.groups = append(slices.Clip(h.groups), name)
	next.otherwise = h.otherwise.WithGroup(name)
	return &next
}

// Handle sends one record.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	all := slices.Clip(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		all = flatten(all, h.groups, a)
		return true
	})
	fields := map[string]string{"SYSLOG_IDENTIFIER": identifier}
	if !r.Time.IsZero() { // when it happened; the journal adds when it heard of it
		fields["SYSLOG_TIMESTAMP"] = r.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	}
	var message strings.Builder
	message.WriteString(r.Message)
	for _, a := range all {
		fields[a.field()] = a.value
		if !a.in("evidence") { // which fills a screen: it is for machines
			message.WriteString(" " + a.text())
		}
	}
	if err := h.send(message.String(), priority(r.Level), fields); err != nil {
		return h.otherwise.Handle(ctx, r)
	}
	return nil
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	default:
		return journal.PriDebug
	}
}
