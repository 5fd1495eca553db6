package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

// A program that is restarted all night would tell the same alert all night, and a
// daemon beside it tells it too.
func TestExecTellsNoChannelUnlessItIsAskedTo(t *testing.T) {
	all := &config.Config{
		Keys:   map[key.Name]config.Key{"A": {Env: map[string]key.Part{"A": key.DefaultPart}}},
		Sinks:  map[string]config.Sink{"app": {Keys: []key.Name{"A"}}},
		Alerts: map[string]config.Channel{"ops": {Name: "ops"}},
	}
	for _, asked := range []bool{false, true} {
		cfg, err := (&execution{alerts: asked}).choose(all)
		if err != nil || (len(cfg.Alerts) > 0) != asked || len(cfg.Sinks) > 0 {
			t.Errorf("asked %v: %d channels, %d sinks, %v", asked, len(cfg.Alerts), len(cfg.Sinks), err)
		}
	}
}

// The log goes where the program's own lines go.
func TestEachLineOfExecSaysWhoseItIs(t *testing.T) {
	var out strings.Builder
	a := &app{}
	a.err.Out = &out
	x := &execution{app: a, level: "warn"}
	for _, format := range []config.LogFormat{"auto", "text"} {
		log := x.logger(config.Log{Level: "debug", Format: format})
		log.Info("not said")
		log.Warn("said\nin two", "key", "A\nB")
	}
	lines := slices.Collect(strings.Lines(out.String()))
	for _, line := range lines {
		if !strings.HasPrefix(line, "livekey: ") || strings.Contains(line, "not said") {
			t.Errorf("%q", line)
		}
	}
	if len(lines) != 2 {
		t.Errorf("%d lines, want 2", len(lines))
	}
	out.Reset()
	x.logger(config.Log{Format: "json"}).Warn("said")
	if !strings.HasPrefix(out.String(), "{") {
		t.Errorf("a machine cannot read %q", out.String())
	}
}
