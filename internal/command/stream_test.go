package command_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/command"
)

// heard calls end once it was told what is awaited.
type heard struct {
	text    string
	awaited string
	end     func()
}

func (h *heard) Write(p []byte) (int, error) {
	h.text += string(p)
	if h.text == h.awaited {
		h.end()
	}
	return len(p), nil
}

func TestAStreamIsHandedOnAsItComesAndEndsWithItsContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := sh(`sh -c 'trap "" TERM; echo $$ >$PIDFILE; echo one; echo two; while :; do sleep 1; done' & wait`)
	c.Env, c.Timeout = []string{"PIDFILE=" + file}, time.Nanosecond // bounds nothing
	out := &heard{awaited: "one\ntwo\n", end: cancel}
	if err := c.Stream(ctx, out); !errors.Is(err, context.Canceled) || out.text != out.awaited {
		t.Errorf("err %v, output %q", err, out.text)
	}
	dies(t, file)
}

func TestAStreamSaysWhyItEnded(t *testing.T) {
	for _, c := range []struct {
		rule   string
		stream command.Command
		says   string
	}{
		{"its exit code", sh("exit 3"), "ended with exit code 3"},
		{"none at all is an end too", sh("exit 0"), "ended with exit code 0"},
		{"what it printed as errors", sh("echo 'No journal files were opened' >&2; exit 1"), "exit code 1: No journal files were opened"},
		{"a signal", sh("kill -KILL $$"), "exit code 137"},
		{"it is no program", command.Command{Argv: []string{"/nonexistent/journalctl"}}, "no such file"},
	} {
		var out bytes.Buffer
		if err := c.stream.Stream(t.Context(), &out); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.says)
		}
	}
}
