package trusted_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/test/need"
)

func TestAFolderThatOthersMayWriteIsRefused(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[fs.FileMode]bool{0o700: false, 0o755: false, 0o775: true, 0o707: true, 0o777 | fs.ModeSticky: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := trusted.Dir(dir); refused(err) != want {
			t.Errorf("mode %v: %v, want refused: %v", mode, err, want)
		}
	}
	if err := trusted.Dir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestAFolderOnAReadOnlyMountIsTaken(t *testing.T) {
	need.All(t, "a ConfigMap's folder is taken, although its mode is 0777", need.Linux, need.Root)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0777"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	if err := trusted.Dir(dir); !refused(err) {
		t.Errorf("a mount that everybody may write: %v", err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := trusted.Dir(dir); err != nil {
		t.Errorf("a mount that nobody can write: %v", err)
	}
}
