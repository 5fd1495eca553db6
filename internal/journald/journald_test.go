package journald

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/livekey/livekey/internal/secret"
)

type sent struct {
	message  string
	priority journal.Priority
	fields   map[string]string
}

func fake(level slog.Level) (*Handler, *[]sent) {
	var got []sent
	h := New(level, slog.DiscardHandler)
	h.send = func(message string, p journal.Priority, fields map[string]string) error {
		got = append(got, sent{message, p, fields})
		return nil
	}
	return h, &got
}

func TestAHandlerAsSlogWantsIt(t *testing.T) {
	var got *[]sent
	slogtest.Run(t, func(*testing.T) slog.Handler {
		var h *Handler
		h, got = fake(slog.LevelInfo)
		return h
	}, func(*testing.T) map[string]any {
		if len(*got) != 1 {
			t.Fatalf("%d entries", len(*got))
		}
		return structured((*got)[0])
	})
}

// structured is an entry with the groups that its message shows.
func structured(s sent) map[string]any {
	words := strings.Fields(s.message)
	all := map[string]any{slog.LevelKey: int(s.priority), slog.MessageKey: words[0]}
	if at, ok := s.fields["SYSLOG_TIMESTAMP"]; ok {
		all[slog.TimeKey] = at
	}
	for _, word := range words[1:] {
		path, value, _ := strings.Cut(word, "=")
		names := strings.Split(path, ".")
		in := all
		for _, group := range names[:len(names)-1] {
			if in[group] == nil {
				in[group] = map[string]any{}
			}
			in = in[group].(map[string]any)
		}
		in[names[len(names)-1]] = value
	}
	return all
}

func TestEveryAttributeIsAField(t *testing.T) {
	h, got := fake(slog.LevelDebug)
	log := slog.New(h).With("sink", "app")
	log.Warn("version held", "key", "A", "outcome", "dead", "unproved", "", "err", errors.New("ask issuer: refused"),
		"actions", []string{"mend it", "or leave it"}, slog.Group("evidence", slog.String("http_status", "401")))
	e := (*got)[0]
	for name, want := range map[string]string{
		"SYSLOG_IDENTIFIER": "livekey", "LIVEKEY_SINK": "app", "LIVEKEY_KEY": "A", "LIVEKEY_OUTCOME": "dead",
		"LIVEKEY_ERR": "ask issuer: refused", "LIVEKEY_ACTIONS": "mend it; or leave it", "LIVEKEY_EVIDENCE_HTTP_STATUS": "401",
	} {
		if e.fields[name] != want {
			t.Errorf("%s is %q, want %q", name, e.fields[name], want)
		}
	}
	if _, said := e.fields["LIVEKEY_UNPROVED"]; said {
		t.Error("an empty attribute is a field")
	}
	const message = `version held sink=app key=A outcome=dead err="ask issuer: refused" actions="mend it; or leave it"`
	if e.message != message || e.priority != journal.PriWarning {
		t.Errorf("got  %s (%d)\nwant %s", e.message, e.priority, message)
	}
}

func TestEveryFieldsNameIsTheJournals(t *testing.T) {
	for _, path := range [][]string{{"_key"}, {"é", "ключ"}, {strings.Repeat("a", 100)}, {""}} {
		name := attr{path: path}.field()
		if !strings.HasPrefix(name, prefix) || len(name) > maxName || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			t.Errorf("%q is named %s", path, name)
		}
	}
}

func TestSeveritiesArePriorities(t *testing.T) {
	for level, want := range map[slog.Level]journal.Priority{
		slog.LevelDebug: journal.PriDebug, slog.LevelInfo: journal.PriInfo, slog.LevelWarn: journal.PriWarning, slog.LevelError: journal.PriErr,
	} {
		if got := priority(level); got != want {
			t.Errorf("%s is %d, want %d", level, got, want)
		}
	}
	h, _ := fake(slog.LevelWarn)
	if h.Enabled(context.Background(), slog.LevelInfo) || !h.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("the level is not kept")
	}
}

func TestWhatTheJournalRefusesIsNotLost(t *testing.T) {
	var out bytes.Buffer
	h := New(slog.LevelInfo, slog.NewTextHandler(&out, nil))
	h.send = func(string, journal.Priority, map[string]string) error { return errors.New("no journal") }
	slog.New(h).With("key", "A").WithGroup("evidence").Error("alert opened", "detail", "x")
	if got := out.String(); !strings.Contains(got, `msg="alert opened" key=A evidence.detail=x`) {
		t.Errorf("got %q", got)
	}
}

func TestNoValueGetsIntoTheJournal(t *testing.T) {
	const canary = "sk-ant-api03-CANARY0123456789abcdef"
	v := secret.New([]byte(canary))
	h, got := fake(slog.LevelDebug)
	log := slog.New(h).With("with", v, "pointer", &v)
	log.WithGroup("g").Info("said", "value", v, "any", []any{v}, "map", map[string]any{"v": v}, "struct", struct{ V secret.Value }{v},
		slog.Group("in", "v", v), "err", fmt.Errorf("refused: %v", v))
	e := (*got)[0]
	all := fmt.Sprint(e)
	for _, form := range []string{canary, strconv.Quote(canary), fmt.Sprint([]byte(canary)), fmt.Sprintf("%x", canary)} {
		if strings.Contains(all, form) {
			t.Errorf("the journal got the value: %s", all)
		}
	}
	if e.fields["LIVEKEY_WITH"] != v.String() {
		t.Errorf("a value is shown as %q", e.fields["LIVEKEY_WITH"])
	}
}
