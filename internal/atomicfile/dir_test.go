package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/livekey/livekey/test/need"
)

var mine = Attr{Mode: 0o600, UID: -1, GID: -1}

func TestWriteReplacesAndSweepRemovesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	for _, content := range []string{"one", "two"} {
		if err := Write(path, []byte(content), mine); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Fatalf("%q, %v", got, err)
		}
	}
	ours, neighbors := filepath.Join(dir, tempName("journal")), filepath.Join(dir, tempName("journal2"))
	for _, name := range []string{ours, neighbors} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(dir, Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Sweep(filepath.Base(path)), d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ours); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if _, err := os.Stat(neighbors); err != nil {
		t.Errorf("what is being written for the neighbor was removed: %v", err)
	}
}

func TestVerifyDecidesBeforeTheNameChanges(t *testing.T) {
	d, err := Open(t.TempDir(), Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	no := errors.New("no")
	if err := d.Write("f", []byte("x"), mine, func(b []byte) error {
		if string(b) != "x" {
			t.Errorf("verify sees %q", b)
		}
		return no
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if names, err := d.Names(); err != nil || len(names) > 0 {
		t.Errorf("left %q, %v", names, err)
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600), os.Mkdir(filepath.Join(dir, "dir"), 0o700),
		os.Symlink("/etc/passwd", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fifo", "dir", "link"} {
		if _, err := d.Read(name); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenTrustsOnlyWhatNobodyElseCanSwap(t *testing.T) {
	for _, c := range []struct {
		rule  string
		build func(dir string) (path string, err error)
		safe  bool
	}{
		{"a private directory", func(dir string) (string, error) { return dir, nil }, true},
		{"a directory that all may write to", func(dir string) (string, error) { return dir, os.Chmod(dir, 0o777) }, false},
		{"a directory that a group may write to", func(dir string) (string, error) { return dir, os.Chmod(dir, 0o770) }, false},
		{"one that is sticky", func(dir string) (string, error) { return dir, os.Chmod(dir, 0o777|fs.ModeSticky) }, true},
		{"a private one inside of one that all may write to", func(dir string) (string, error) {
			in := filepath.Join(dir, "in")
			return in, errors.Join(os.Mkdir(in, 0o700), os.Chmod(dir, 0o777))
		}, false},
		{"a link to a private one", func(dir string) (string, error) {
			link := filepath.Join(dir, "link")
			return link, errors.Join(os.Mkdir(filepath.Join(dir, "in"), 0o700), os.Symlink("in", link))
		}, true},
		{"a link through one that all may write to", func(dir string) (string, error) {
			open, in := filepath.Join(dir, "open"), filepath.Join(dir, "in")
			return filepath.Join(open, "link"), errors.Join(os.Mkdir(open, 0o700), os.Mkdir(in, 0o700),
				os.Symlink("../in", filepath.Join(open, "link")), os.Chmod(open, 0o777))
		}, false},
	} {
		path, err := c.build(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		d, err := Open(path, Options{Reader: -1})
		if (err == nil) != c.safe || err != nil && !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", c.rule, err)
		}
		if err == nil {
			_ = d.Close()
		}
		if d, err := Open(path, Options{Reader: -1, AllowUnsafe: true}); err != nil {
			t.Errorf("%s, allowed: %v", c.rule, err)
		} else {
			_ = d.Close()
		}
	}
}

func TestADirectoryOfAnotherUserIsRefusedUnlessTheyAreToRead(t *testing.T) {
	need.All(t, "P6: a foreign user's directory is refused", need.Root)
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Reader: -1}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("%v", err)
	}
	if _, err := Open(dir, Options{Reader: 12345}); err != nil {
		t.Errorf("the reader's own: %v", err)
	}
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(in, Options{Reader: 12345}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a directory inside of it, which they could swap: %v", err)
	}
}

// Somebody swaps the file for a link to a victim, again and again.
func TestNoLinkLeadsAWriteElsewhere(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f")
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			_ = os.Remove(path)
			_ = os.Symlink(victim, path)
		}
	}()
	for range 150 {
		if err := Write(path, []byte("value"), mine); err != nil {
			t.Error(err)
			break
		}
	}
	stop.Store(true)
	<-done
	if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
		t.Errorf("the victim is now %q, %v", got, err)
	}
}
