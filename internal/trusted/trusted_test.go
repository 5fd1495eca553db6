package trusted_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/test/need"
)

func put(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func refused(err error) bool {
	_, yes := errors.AsType[*trusted.Refused](err)
	return yes
}

func TestWhatOthersMayWriteIsRefused(t *testing.T) {
	path := put(t, "text")
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o644: false, 0o620: true, 0o602: true, 0o666: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		text, err := trusted.Read(path)
		if refused(err) != want || !want && string(text) != "text" {
			t.Errorf("mode %o: %q, %v, want refused: %v", mode, text, err, want)
		}
		if want && !strings.Contains(err.Error(), "chmod go-w "+path) {
			t.Errorf("mode %o: %v does not say how to mend it", mode, err)
		}
	}
}

func TestACredentialThatAllMayWriteIsRefused(t *testing.T) {
	path := put(t, "text")
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o644: false, 0o660: false, 0o602: true, 0o666: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		text, err := trusted.ReadCredential(path, 4)
		if refused(err) != want || !want && string(text) != "text" {
			t.Errorf("mode %o: %q, %v, want refused: %v", mode, text, err, want)
		}
	}
	if _, err := trusted.ReadCredential(put(t, "texts"), 4); !refused(err) || strings.Contains(err.Error(), "texts") {
		t.Errorf("a byte more than the limit: %v", err)
	}
}

func TestAForeignOwnerIsRefused(t *testing.T) {
	need.All(t, "a file of another user is refused", need.Root)
	path := put(t, "text")
	if err := os.Chown(path, 4711, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := trusted.Read(path); !refused(err) {
		t.Errorf("a file of user 4711: %v", err)
	}
}

func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, filepath.Dir(pipe)} {
		if _, err := trusted.Read(path); !refused(err) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := trusted.ReadCredential(path, 4); !refused(err) {
			t.Errorf("%s as a credential: %v", path, err)
		}
	}
	if _, err := trusted.Read(pipe + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v, want fs.ErrNotExist", err)
	}
}

func TestAFileIsBounded(t *testing.T) {
	if text, err := trusted.Read(put(t, strings.Repeat("x", trusted.MaxSize))); err != nil || len(text) != trusted.MaxSize {
		t.Errorf("1 MiB: %d bytes, %v", len(text), err)
	}
	if _, err := trusted.Read(put(t, strings.Repeat("x", trusted.MaxSize+1))); !refused(err) {
		t.Errorf("a byte more: %v", err)
	}
}
