package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Exit codes of a program that cannot be run, as env(1) has them.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// UnstartableError says why a program cannot be run. It names the program alone: nobody
// knows what is in its arguments.
type UnstartableError struct {
	Program string
	Exit    int // as env(1) says it
	cause   error
}

func (e *UnstartableError) Error() string { return fmt.Sprintf("run %s: %v", e.Program, e.cause) }
func (e *UnstartableError) Unwrap() error { return e.cause }

// ExitOf is the exit code that stands for err, which came of a start.
func ExitOf(err error) int {
	if e, ok := errors.AsType[*UnstartableError](err); ok {
		return e.Exit
	}
	return exitCannotRun
}

func unstartable(program string, err error) error {
	e := &UnstartableError{program, exitCannotRun, err}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		e.Exit = exitNotFound
	}
	if lookup, ok := errors.AsType[*exec.Error](err); ok {
		e.cause = lookup.Err
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		e.cause = path.Err // its path is the program's
	}
	return e
}

// find is where the program is, as execvp(3) looks for it.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if !errors.Is(err, exec.ErrNotFound) || strings.Contains(program, "/") {
		return path, err
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		info, at := os.Stat(filepath.Join(dir, program)) //nolint:gosec // where the user's PATH leads
		if at == nil && info.Mode().IsRegular() {
			return "", &fs.PathError{Op: "run", Path: program, Err: syscall.EACCES} // there, and not to be run
		}
	}
	return path, err
}
