package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/supervise"
)

// ownFailure is the exit code of `exec` where livekey is to blame: no program has it for
// anything else, as with env(1).
const ownFailure code = 125

const execName = "exec"

// execution is a command line of `exec`.
type execution struct {
	*app
	names, sinks []string // which keys; none: all
	rules        supervise.Rules
	change       supervise.Change
	stopTimeout  time.Duration
	settle       time.Duration
	maxRestarts  int
	timeout      time.Duration
	alerts       bool
	level        level
}

func (a *app) exec() *cobra.Command {
	x := &execution{app: a, change: supervise.Change{Restart: true}, level: "warn"}
	cmd := &cobra.Command{
		Use:   execName + " [flags] -- CMD [ARG…]",
		Short: "Run CMD with proved keys; restart or signal it on rotation",
		Long: "Run a program with proved keys in its environment. It starts once every\n" +
			"required key is proved, and is restarted, by default, when one was rotated and\n" +
			"the new one is proved: TERM, then KILL after --stop-timeout. If it fails with\n" +
			"the new key, it gets the old one back where that still lives.\n\n" +
			"No daemon is needed; one may run beside it. Nothing is written: no sink of the\n" +
			"config, no state. The program gets livekey's environment without livekey's own\n" +
			"credentials, and no variable of a managed key from elsewhere.\n\n" +
			"The exit code is the program's, 128+n if signal n ended it; 125 if livekey\n" +
			"failed, 126 if CMD cannot be run, 127 if there is none.",
		Example: "  livekey exec -- ./server --port 8080\n" +
			"  livekey exec --key ANTHROPIC_API_KEY --pristine --allow 'APP_*' -- ./server\n" +
			"  livekey exec --on-change signal:HUP -- ./server\n" +
			"  livekey exec --on-change none -- bash",
		DisableFlagsInUseLine: true,
		Args:                  expects(1, -1, "a program and its arguments after --"),
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows CMD is CMD's
	f.StringArrayVar(&x.names, "key", nil, "hand over the key `NAME` alone, or with those of\nmore --key and --sink")
	f.StringArrayVar(&x.sinks, "sink", nil, "hand over the keys of the sink `NAME`, likewise")
	f.BoolVar(&x.rules.Pristine, "pristine", false, "start from PATH, HOME, LANG and the like alone")
	f.StringArrayVar(&x.rules.Allow, "allow", nil, "hand variables that match `GLOB` on all the same")
	f.StringArrayVar(&x.rules.Deny, "deny", nil, "hand no variable on that matches `GLOB`, whatever\n--allow says")
	f.Var(&x.change, "on-change", "what CMD hears of a rotation, an `ACTION`: restart,\nnone, or signal:HUP and the like, which bring\nno new value")
	f.DurationVar(&x.stopTimeout, "stop-timeout", 10*time.Second, "KILL a CMD that goes on `D` after TERM")
	f.DurationVar(&x.settle, "settle", 5*time.Second, "a restarted CMD that lives for `D` is well")
	f.IntVar(&x.maxRestarts, "max-restarts", 5, "restart a CMD that fails after a rotation `N` times\nin a row, then give up")
	f.DurationVar(&x.timeout, "timeout", 0, "give up if CMD did not start within `D`; 0 waits on")
	f.BoolVar(&x.alerts, "alerts", false, "tell the config's alert channels too; each start\nbegins anew, so what is wrong is told again")
	f.Var(&x.level, "log-level", "what livekey says on stderr, a `LEVEL`: debug, info,\nwarn or error")
	cmd.RunE = act(func(ctx context.Context, argv []string) error {
		if err := x.lint(); err != nil {
			return &exitError{ownFailure, err}
		}
		ended, err := x.run(ctx, argv)
		if e, ok := errors.AsType[*supervise.UnstartableError](err); ok {
			return &exitError{code(e.Exit), err}
		}
		if err != nil {
			return &exitError{ownFailure, err}
		}
		return exit(code(ended))
	})
	return cmd
}

// level is the least that is logged.
type level config.LogLevel

func (l *level) String() string { return string(*l) }
func (l *level) Type() string   { return "level" }
func (l *level) Set(s string) error {
	if !slices.Contains(config.LogLevel("").Words(), s) {
		return fmt.Errorf("one of %s", strings.Join(config.LogLevel("").Words(), ", "))
	}
	*l = level(s)
	return nil
}

// lint says what is wrong with the flags together.
func (x *execution) lint() error {
	for flag, d := range map[string]time.Duration{"stop-timeout": x.stopTimeout, "settle": x.settle, "timeout": x.timeout} {
		if d < 0 {
			return fmt.Errorf("--%s %s is less than nothing", flag, d)
		}
	}
	if x.maxRestarts < 0 {
		return fmt.Errorf("--max-restarts %d is less than nothing", x.maxRestarts)
	}
	return x.rules.Lint()
}
