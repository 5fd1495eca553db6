// Package command starts other programs, and nothing else in livekey does: by an
// absolute path that nobody but root and livekey's user could replace, without a
// shell, with an empty environment but for what is named, in /, in a process group
// of its own that is killed with all its children, and within bounds of time and output.
package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// MaxOutput is what a program may print, in bytes, unless its Limit says otherwise.
const MaxOutput = 1 << 20

// lastWait is how long a child that left the group may go on holding the output
// open after the program itself has ended.
const lastWait = 200 * time.Millisecond

// Command is a program and how it is run. Safe for concurrent use.
type Command struct {
	Argv    []string      // [0] is an absolute path. Every user of the machine can read argv: no secret belongs there
	Inherit []string      // names of variables of livekey's own environment
	Env     []string      // further variables: NAME=value
	Timeout time.Duration // then it is killed, with what it started
	Limit   int           // of what it may print, in bytes; 0: MaxOutput
}

// Result is how a program ended.
type Result struct {
	Exit   int          // as a shell says it: 128+n if signal n ended it
	Output secret.Value // what it printed
	Errors string       // the end of what it printed as errors: one scrubbed line of at most 300 bytes
}

// Failure says how a program ended that was to do something, and why, if it said so: nil
// after exit code 0.
func (r Result) Failure() error {
	if r.Exit == 0 {
		return nil
	}
	return r.ending()
}

func (r Result) ending() error {
	if r.Errors == "" {
		return fmt.Errorf("the program ended with exit code %d and said nothing about it", r.Exit)
	}
	return fmt.Errorf("the program ended with exit code %d: %s", r.Exit, r.Errors)
}

// exitOf is the code of a program that has ended, as a shell says it.
func exitOf(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Lint says, without any I/O, what no program can be started with.
func (c Command) Lint() error {
	if len(c.Argv) == 0 || !filepath.IsAbs(c.Argv[0]) {
		return errors.New("must be a list that begins with the absolute path of a program: [/usr/bin/op, read, …]; no shell reads it")
	}
	for _, arg := range c.Argv {
		if strings.ContainsRune(arg, 0) {
			return errors.New("an argument cannot hold a NUL")
		}
	}
	for _, name := range c.Inherit {
		if !variable.MatchString(name) {
			return errors.New("env must list names of variables, whose values livekey hands on: [HOME, PATH]")
		}
	}
	return nil
}

// Run runs the program with input on stdin and waits for its end. That it ended
// with another exit code than 0 is no error. No error quotes what it printed.
func (c Command) Run(ctx context.Context, input []byte) (Result, error) {
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd, err := c.prepare(bounded)
	if err != nil {
		return Result{}, err
	}
	out, errs := &output{limit: cmp.Or(c.Limit, MaxOutput), full: cancel}, &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, errs

	// The kernel ends the child with the thread that made it, however livekey ends:
	// this thread stays until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("run %s: %w", c.Argv[0], ctx.Err())
		}
		return Result{}, fmt.Errorf("run program: %w", err) // names the path
	}
	err = wait(cmd)
	if !out.over && cmd.ProcessState != nil && cmd.ProcessState.Exited() {
		text := errs.text(out.buf)
		return Result{Exit: cmd.ProcessState.ExitCode(), Output: secret.New(out.buf), Errors: text}, nil
	}
	defer clear(out.buf)
	switch {
	case out.over:
		return Result{}, fmt.Errorf("run %s: it printed more than %d bytes and was killed", c.Argv[0], out.limit)
	case ctx.Err() != nil:
		return Result{}, fmt.Errorf("run %s: %w", c.Argv[0], ctx.Err())
	case bounded.Err() != nil:
		return Result{}, fmt.Errorf("run %s: it did not end within %s and was killed", c.Argv[0], c.Timeout)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Result{Exit: exitOf(cmd.ProcessState), Errors: errs.text(out.buf)}, nil
	}
	return Result{}, fmt.Errorf("run %s: %w", c.Argv[0], err)
}

// prepare makes the child, which is killed when ctx ends.
func (c Command) prepare(ctx context.Context) (*exec.Cmd, error) {
	if err := c.Lint(); err != nil {
		return nil, err
	}
	if err := trusted.CheckProgram(c.Argv[0]); err != nil {
		return nil, fmt.Errorf("run program: %w", err)
	}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...) // #nosec G204 -- what the config names, and only that
	cmd.Env = c.environment()
	cmd.Dir = "/"
	cmd.SysProcAttr = childAttr()
	cmd.WaitDelay = lastWait
	return cmd, nil
}

// environment is what the child gets: never nil, which would be all of ours.
func (c Command) environment() []string {
	env := []string{}
	for _, name := range c.Inherit {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, c.Env...)
}

// killGroup ends every process of the group that pid leads. That there is none is no fault.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
