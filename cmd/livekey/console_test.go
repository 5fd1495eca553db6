package main

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/ui"
)

func TestALineOnATerminalIsShort(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newConsole(ui.Printer{Out: &out}, slog.LevelInfo)).With("source", "vault")
	for _, c := range []struct {
		rule string
		say  func()
		want string
	}{
		{
			"time, level and message come first", func() { log.Warn("key not read", "key", "A", "err", "two words") },
			`WARN  key not read source=vault key=A err="two words"`,
		},
		{
			"a version named by its fingerprint is named once", func() { log.Info("version delivered", "version", "f1", "fingerprint", "f1") },
			`INFO  version delivered source=vault version=f1`,
		},
		{
			"a version with a number keeps its fingerprint", func() { log.Info("version delivered", "version", "7", "fingerprint", "f1") },
			`INFO  version delivered source=vault version=7 fingerprint=f1`,
		},
		{"the level tells how severe an alert is", func() {
			log.Error("alert opened", "id", "alr_1", "cause", "key_dead", "severity", "critical", "since", "2026-11-23T22:25:16Z", "actions", []string{"a", "b"},
				slog.Group("evidence", "detail", "long"))
		}, `ERROR alert opened source=vault cause=key_dead actions="a; b"`},
		{
			"errors that were joined stand on one line", func() { log.Error("x", "err", errors.Join(errors.New("a"), errors.New("b"))) },
			`ERROR x source=vault err="a; b"`,
		},
		{"an attribute of a group keeps its name", func() { log.Info("x", slog.Group("g", "time", "t")) }, `INFO  x source=vault g.time=t`},
		{"what is below the level is left out", func() { log.Debug("x") }, ``},
	} {
		t.Run(c.rule, func(t *testing.T) {
			out.Reset()
			c.say()
			want := ""
			if c.want != "" {
				want = `^\d\d:\d\d:\d\d ` + regexp.QuoteMeta(c.want) + `\n$`
			} else {
				want = `^$`
			}
			if !regexp.MustCompile(want).MatchString(out.String()) {
				t.Errorf("got  %swant %s", out.String(), c.want)
			}
		})
	}
}

func TestALineOnATerminalHasNoValue(t *testing.T) {
	var out bytes.Buffer
	v := secret.New([]byte("CANARY"))
	slog.New(newConsole(ui.Printer{Out: &out}, slog.LevelInfo)).Info("x", "version", v, "fingerprint", v, "v", v, slog.Group("g", "v", v))
	if got := out.String(); strings.Contains(got, "CANARY") || strings.Count(got, "redacted") < 3 {
		t.Errorf("got %s", got)
	}
}

func TestOnlyTheHeadOfALineHasColors(t *testing.T) {
	var out bytes.Buffer
	slog.New(newConsole(ui.Printer{Out: &out, Color: true}, slog.LevelInfo)).Warn("key not read", "err", "\x1b[2J")
	got := out.String()
	if !strings.Contains(got, string(ui.Warn)+"WARN ") || strings.Contains(got, "\x1b[2J") {
		t.Errorf("%q", got)
	}
}
