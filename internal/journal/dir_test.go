package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAStateDirThatOthersMayWriteIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrUnsafe) {
		t.Errorf("Lock: %v", err)
	}
	if _, err := Open(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrUnsafe) {
		t.Errorf("Open: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// Without O_NONBLOCK these opens would wait for a writer, for ever.
func TestAPipeInPlaceOfAFileIsRefused(t *testing.T) {
	for _, name := range []string{FileName, LockName} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if name == LockName {
			_, err = Lock(dir)
		} else {
			_, err = Open(dir, slog.New(slog.DiscardHandler))
			if _, again := OpenReadOnly(dir, slog.New(slog.DiscardHandler)); again == nil {
				t.Error("OpenReadOnly took a pipe")
			}
		}
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
