package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/livekey/livekey/test/need"
)

func TestAMountedFileSaysMountTheDirectory(t *testing.T) {
	need.All(t, "P6: a file that is a mount point is refused with the reason", need.Linux, need.Root)
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, name := range []string{path, filepath.Join(dir, "other")} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount(filepath.Join(dir, "other"), path, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) }()
	d, err := Open(dir, Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for what, err := range map[string]error{"Try": d.Try("f", mine), "Write": d.Write("f", []byte("y"), mine, nil)} {
		if !errors.Is(err, ErrMounted) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
