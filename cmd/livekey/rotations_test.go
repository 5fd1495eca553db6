package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/internal/ui"
)

func TestEvidenceFitsTheTerminal(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	uuid := report.Version{Version: "5b8b6f2e-8e0e-4d0c-9f2a-0d3f7a6f6c1b", Fingerprint: "b6aecd071307"}
	consumers := []key.Consumer{"unit:app.service", "pod:shop/api-7c9f5d8b6-x2x8q", "host:web-2", "unit:worker.service", "unit:cron.service"}
	var out bytes.Buffer
	a := &app{out: ui.Printer{Out: &out, Width: 80}}
	if err := a.rotationsText(report.Rotations{Rotations: []report.Rotation{{
		Key: "aws-deployer", Number: 1, State: trail.Ended, From: uuid, To: uuid, BeganAt: now, EndedAt: now.Add(3 * time.Hour),
		Steps: []trail.Step{
			{At: now, What: trail.Seen},
			{At: now, What: trail.Unwatched, Detail: "too many versions have come since; livekey watches the last ten\x1b[2J"},
		},
	}}}, now); err != nil {
		t.Fatal(err)
	}
	s := report.Safety{Name: "aws-deployer", Exit: 5, Previous: &uuid, Current: &uuid}
	for _, c := range consumers {
		s.Scope = append(s.Scope, report.InScope{Consumer: c, How: "seen by a scan", At: now, Detail: "holds the previous version: systemctl restart app.service"})
	}
	s.Checks = []report.Fact{{What: "holders", Detail: "still held by unit app.service, unit worker.service, unit cron.service, pod shop/api-7c9f5d8b6-x2x8q"}}
	if err := a.safetyText(s, now); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
}
