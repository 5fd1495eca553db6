package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyOneHoldsStateDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	unlock, err := Lock(dir)
	must(t, err)
	var locked *LockedError
	if _, err := Lock(dir); !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Path != filepath.Join(dir, LockName) {
		t.Fatal(err)
	}
	if !strings.Contains(locked.Error(), "pid") {
		t.Error(locked)
	}
	must(t, unlock())
	unlock, err = Lock(dir)
	must(t, err)
	must(t, unlock())
}

func TestALockWithoutAPidIsALock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	must(t, err)
	must(t, os.Truncate(filepath.Join(dir, LockName), 0))
	var locked *LockedError
	if _, err := Lock(dir); !errors.As(err, &locked) || locked.PID != 0 || strings.Contains(locked.Error(), "pid") {
		t.Fatal(err)
	}
	must(t, unlock())
}
