package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/livekey/livekey/alerts"
	logchannel "github.com/livekey/livekey/alerts/log"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/ui"
)

func TestALogLineSaysNothingTwiceAndNothingEmpty(t *testing.T) {
	for format, want := range map[string]string{
		"text": `msg="alert opened" actions="mend it; or leave it" reason=invalid`,
		"json": `"msg":"alert opened","evidence":{"detail":"long"},"actions":["mend it","or leave it"],"reason":"invalid"}`,
	} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{err: ui.New(&out)}
			a.logger(config.Log{Level: "info", Format: config.LogFormat(format)}).Info("alert opened",
				slog.Group("evidence", slog.String("detail", "long")), "actions", []string{"mend it", "or leave it"},
				"reason", key.Invalid, "unproved", key.Reason(""), "which", "", "keys", []key.Name(nil))
			if got := strings.TrimSpace(out.String()); !strings.HasSuffix(got, want) {
				t.Errorf("got  %s\nwant …%s", got, want)
			}
		})
	}
}

func TestALogLineSaysWhyAnAlertIsOver(t *testing.T) {
	for _, format := range []config.LogFormat{"text", "json"} {
		var out bytes.Buffer
		a := &app{err: ui.New(&out)}
		err := logchannel.New(a.logger(config.Log{Level: "info", Format: format})).Send(t.Context(), alerts.Alert{
			Type: alerts.Resolved, Data: alerts.Data{Evidence: map[string]string{alerts.ResolvedBy: "it-is-refused", "detail": "long"}},
		})
		got := out.String()
		if err != nil || !strings.Contains(got, "it-is-refused") || (format == "text") == strings.Contains(got, "long") {
			t.Errorf("%v, %s", err, got)
		}
	}
}

func TestFaultsOfAConfigStandOnOneLine(t *testing.T) {
	_, faults := config.Read("a.yaml", []byte("keyz: {}\npolicy: {confirm: {times: 0}}\n"), config.Kinds{})
	got := oneLine(faults.Error())
	if strings.ContainsAny(got, "\n^") || !strings.Contains(got, "a.yaml:1:1: keyz") || !strings.Contains(got, "; a.yaml:2:") {
		t.Errorf("got %s", got)
	}
}
