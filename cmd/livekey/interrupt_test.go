package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// A gate that lets an issuer's outage pass takes exit code 4; Ctrl-C is no outage.
func TestWhatIsInterruptedSaysSoAndJudgesNothing(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-api03-"+strings.Repeat("Ab1", 31)+"AA")
	for _, args := range [][]string{
		{"check", "--stdin", "--provider", "anthropic"},
		{"doctor", "--env", "ANTHROPIC_API_KEY"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		typing, _ := io.Pipe() // nobody types anything
		var out, err bytes.Buffer
		if got := execute(ctx, args, typing, &out, &err); got != internal {
			t.Errorf("%v: exit code %d, want %d", args, got, internal)
		}
		if out.Len() > 0 || !strings.Contains(err.String(), "interrupted") {
			t.Errorf("%v: printed %q, and said %q", args, out.String(), err.String())
		}
	}
}
