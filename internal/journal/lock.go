package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockName is the name of the lock file in state_dir.
const LockName = "lock"

// LockedError says that another process holds state_dir.
type LockedError struct {
	PID  int // 0 if it has not said so yet
	Path string
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "lock " + e.Path + ": another livekey holds it"
	}
	return fmt.Sprintf("lock %s: livekey with pid %d holds it", e.Path, e.PID)
}

// Lock takes state_dir for this process until unlock is called or the process
// ends, however it ends. It does not wait: a second one gets a *LockedError.
func Lock(dir string) (unlock func() error, err error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, LockName)
	f, err := openRegular(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state_dir: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &LockedError{PID: readPID(f), Path: path}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The pid is for people: a full disk does not take the lock away.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	// The file stays: whoever removed it would let two processes lock two files.
	return f.Close, nil
}

func readPID(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}
