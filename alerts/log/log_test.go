package logchannel_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/alerts/alerttest"
	logchannel "github.com/livekey/livekey/alerts/log"
)

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) take() []alerttest.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var got []alerttest.Message
	for line := range strings.Lines(b.b.String()) {
		got = append(got, alerttest.Message{Text: line})
	}
	b.b.Reset()
	return got
}

func TestConformance(t *testing.T) {
	for name, handler := range map[string]func(*buffer) slog.Handler{
		"text": func(b *buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			alerttest.Run(t, func(testing.TB) alerttest.Harness {
				b := &buffer{}
				return alerttest.Harness{
					Open:     func(testing.TB) alerts.Channel { return logchannel.New(slog.New(handler(b))) },
					Received: func(testing.TB) []alerttest.Message { return b.take() },
				}
			})
		})
	}
}

func TestLevelFollowsSeverity(t *testing.T) {
	for _, c := range []struct {
		name     string
		typ      alerts.Type
		severity alerts.Severity
		want     string
	}{
		{"critical is for a person now", alerts.Opened, alerts.Critical, "level=ERROR"},
		{"a warning is one", alerts.Updated, alerts.Warning, "level=WARN"},
		{"info is info", alerts.Opened, alerts.Info, "level=INFO"},
		{"the end of a critical one wakes nobody", alerts.Resolved, alerts.Critical, "level=INFO"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &buffer{}
			a := alerttest.Sample()
			a.Type, a.Data.Severity = c.typ, c.severity
			if err := logchannel.New(slog.New(slog.NewTextHandler(b, nil))).Send(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := b.take(); len(got) != 1 || !strings.Contains(got[0].Text, c.want) {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestTheLine(t *testing.T) {
	b := &buffer{}
	h := slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	if err := logchannel.New(slog.New(h)).Send(t.Context(), alerttest.Sample()); err != nil {
		t.Fatal(err)
	}
	const want = `level=ERROR msg="alert opened" id=al_0123456789abcdef cause=key_dead severity=critical key=ANTHROPIC_API_KEY provider=anthropic summary="the current key is dead and has no successor" since=2026-11-23T22:25:16Z evidence.fingerprint=9f86d081884c evidence.http_status=401 affected="[app files]" actions="[livekey refresh ANTHROPIC_API_KEY]"` + "\n"
	if got := b.take()[0].Text; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
