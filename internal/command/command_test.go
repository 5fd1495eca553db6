package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/command"
)

const canary = "sk-canary-7fQ2xLw9ZtR4vKb8NcYpHs3MdGj6"

// sh is a command that runs a script.
func sh(script string) command.Command {
	return command.Command{Argv: []string{"/bin/sh", "-c", script}, Timeout: 10 * time.Second}
}

func run(t *testing.T, c command.Command, input string) command.Result {
	t.Helper()
	r, err := c.Run(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAProgramGetsItsInputAndNothingElse(t *testing.T) {
	t.Setenv("LIVEKEY_TEST_SECRET", canary)
	t.Setenv("LIVEKEY_TEST_NAMED", "named value")
	c := sh(`cat; pwd; env | grep -v ^_= | grep -v ^PWD= | sort`)
	c.Inherit, c.Env = []string{"LIVEKEY_TEST_NAMED", "LIVEKEY_TEST_UNSET"}, []string{"LIVEKEY_ALERT_ID=al 1"}
	if got, want := string(run(t, c, "request\n").Output.Reveal()), "request\n/\nLIVEKEY_ALERT_ID=al 1\nLIVEKEY_TEST_NAMED=named value\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Argv = []string{"/bin/echo", "-n", "a b", "$HOME", ";", "`id`"}
	if got, want := string(run(t, c, "").Output.Reveal()), "a b $HOME ; `id`"; got != want {
		t.Errorf("argv %q, want %q: a shell read it", got, want)
	}
}

func TestTheExitCodeIsTold(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 100": 100, "kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9} {
		r := run(t, sh("echo out; echo why >&2; "+script), "")
		if r.Exit != want || r.Errors != "why" {
			t.Errorf("%s: exit %d, want %d; errors %q", script, r.Exit, want, r.Errors)
		}
	}
}

// dies waits until no process has the pid that a child wrote into file.
func dies(t *testing.T, file string) {
	t.Helper()
	var pid int
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if pid, _ = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || pid == 0 {
			continue
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
			return
		}
	}
	t.Errorf("process %d goes on", pid)
}

// zombie says whether pid has ended and waits for whoever adopted it.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(after, "Z")
}

func TestHostilePrograms(t *testing.T) {
	pid := func(t *testing.T) string { return filepath.Join(t.TempDir(), "pid") }
	for _, c := range []struct {
		rule, script string // $PIDFILE gets the pid of who must die
		output, says string // says: in the error
	}{
		{"one that does not end is killed", `echo $$ >$PIDFILE; while :; do sleep 1; done`, "", "did not end within 300ms"},
		{"one that ignores signals too", `trap "" TERM INT HUP; echo $$ >$PIDFILE; while :; do sleep 1; done`, "", "did not end within"},
		{"and its children", `sh -c 'trap "" TERM; echo $$ >$PIDFILE; while :; do sleep 1; done' & wait`, "", "did not end within"},
		{"a child that keeps the output open ends with it", `sh -c 'echo $$ >$PIDFILE; sleep 60' & until [ -s $PIDFILE ]; do :; done; echo out`, "out\n", ""},
		{"one that has left the group is not waited for", `setsid sh -c 'sleep 1' & echo $$ >$PIDFILE; echo out`, "out\n", ""},
		{"one that never stops printing is killed", `echo $$ >$PIDFILE; exec cat /dev/zero`, "", "printed more than 1048576 bytes"},
		{"also if it does not care that nobody reads", `trap "" PIPE; echo $$ >$PIDFILE; while :; do printf %09999d 0 2>/dev/null; done`, "", "printed more than"},
		{"one that prints errors without end too", `echo $$ >$PIDFILE; exec cat /dev/zero >&2`, "", "did not end within"},
		{"one that reads nothing is not waited for", `exec <&-; echo $$ >$PIDFILE; echo out`, "out\n", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			file := pid(t)
			cmd := sh(c.script)
			cmd.Timeout = 300 * time.Millisecond
			if c.says == "" || strings.Contains(c.says, "printed") {
				cmd.Timeout = 20 * time.Second
			}
			cmd.Env = []string{"PIDFILE=" + file}
			began := time.Now()
			r, err := cmd.Run(t.Context(), []byte(strings.Repeat("input ", 100_000)))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("err %v, want %q", err, c.says)
			}
			if got := string(r.Output.Reveal()); got != c.output {
				t.Errorf("output %q, want %q", got, c.output)
			}
			dies(t, file)
		})
	}
}

func TestACanceledContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := sh("sleep 60").Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err %v", err)
	}
	if _, err := sh("exit 0").Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the start: err %v", err)
	}
}

func TestNoErrorQuotesWhatWasPrinted(t *testing.T) {
	const phrase = "correct horse battery staple"
	for _, c := range []struct{ rule, script, tells string }{
		{"a key printed as an error", "echo 'cannot use " + canary + "' >&2; exit 1", "cannot use"},
		{"a sentence that is the output too", "echo '" + phrase + "'; echo 'bad value: " + phrase + "' >&2; exit 1", "bad value"},
		{"in JSON", `echo '{"value":"` + phrase + `"}'; echo 'bad value: ` + phrase + `' >&2; exit 1`, "bad value"},
		{"among much else", "yes 'noise noise' | head -n 9999 >&2; echo 'at last: " + canary + "' >&2; exit 1", "at last"},
	} {
		r := run(t, sh(c.script), "")
		if !strings.Contains(r.Errors, c.tells) || strings.Contains(r.Errors, canary[3:12]) || strings.Contains(r.Errors, "horse") || len(r.Errors) > 300 {
			t.Errorf("%s: %q", c.rule, r.Errors)
		}
		if shown := fmt.Sprintf("%v %+v %#v", r, r, r); strings.Contains(shown, "horse") || strings.Contains(shown, canary) {
			t.Errorf("%s: a printer shows it", c.rule)
		}
	}
}

func TestWhatIsNoProgramIsRefused(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.WriteFile(open, []byte("#!/bin/sh\n"), 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule    string
		command command.Command
		says    string
	}{
		{"nothing", command.Command{}, "absolute path"},
		{"a name alone", command.Command{Argv: []string{"sh"}}, "absolute path"},
		{"a NUL", command.Command{Argv: []string{"/bin/sh", "a\x00b"}}, "NUL"},
		{"a variable with a value", command.Command{Argv: []string{"/bin/sh"}, Inherit: []string{"A=b"}}, "names of variables"},
		{"what others may write", command.Command{Argv: []string{open}}, "chmod go-w"},
		{"a folder", command.Command{Argv: []string{"/usr/bin"}}, "not a regular file"},
		{"what is not there", command.Command{Argv: []string{"/nonexistent/tool"}}, "no such file"},
	} {
		c.command.Timeout = time.Second
		if _, err := c.command.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err %v, want %q", c.rule, err, c.says)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			r, err := sh("cat").Run(t.Context(), []byte(strconv.Itoa(i)))
			if err != nil || string(r.Output.Reveal()) != strconv.Itoa(i) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
