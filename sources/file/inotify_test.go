package file

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/livekey/livekey/internal/key"
)

// running is a watch whose inotify the test can break.
type running struct {
	*watch
	told  chan key.Location
	ended chan error
}

func startWatch(t *testing.T, path string) running {
	t.Helper()
	inotify, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	r := running{told: make(chan key.Location, 100), ended: make(chan error, 1)}
	r.watch = &watch{
		source:  &Source{log: slog.New(slog.DiscardHandler)},
		inotify: inotify,
		armed:   make(map[string]inode),
		changed: func(l key.Location) { r.told <- l },
		files:   []*watched{{loc: key.Location{Path: path}, path: path}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		r.ended <- r.run(ctx)
		close(stopped)
	}()
	t.Cleanup(func() {
		cancel()
		<-stopped
		_ = inotify.Close()
	})
	hears(t, r, "the start")
	return r
}

func TestAnOverflowLooksAtEveryFileAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	r := startWatch(t, path)
	if err := r.inotify.Remove(dir); err != nil { // events of dir are lost from here on
		t.Fatal(err)
	}
	put := func() {
		if err := os.WriteFile(path, []byte("value"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put()
	select {
	case <-r.told:
		t.Fatal("told of an event that was to be lost: the test proves nothing")
	case <-time.After(3 * settleTime):
	}
	r.inotify.Errors <- fsnotify.ErrEventOverflow
	hears(t, r, "what was lost in an overflow")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	hears(t, r, "a change after an overflow: its watch was not renewed")
}

func TestAFolderThatIsNoLongerOnTheWayIsNotWatched(t *testing.T) {
	dir := t.TempDir()
	for _, release := range []string{"1", "2"} {
		if err := os.MkdirAll(filepath.Join(dir, release), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, release, "key"), []byte(release), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	point := func(release string) {
		t.Helper()
		link := filepath.Join(dir, "current")
		if err := os.Symlink(release, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	point("1")
	r := startWatch(t, filepath.Join(dir, "current", "key"))
	point("2")
	hears(t, r, "the swap")
	deadline := time.Now().Add(2 * time.Second)
	for {
		watched := r.inotify.WatchList()
		if slices.Contains(watched, filepath.Join(dir, "2")) && !slices.Contains(watched, filepath.Join(dir, "1")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("watched are %v", watched)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestALostInotifyEndsTheWatch(t *testing.T) {
	lost := errors.New("the kernel took it")
	for _, test := range []struct {
		rule  string
		lose  func(w *fsnotify.Watcher)
		cause error
	}{
		{"an error of the kernel", func(w *fsnotify.Watcher) { w.Errors <- lost }, lost},
		{"a closed descriptor", func(w *fsnotify.Watcher) { _ = w.Close() }, errClosed},
	} {
		t.Run(test.rule, func(t *testing.T) {
			r := startWatch(t, filepath.Join(t.TempDir(), "key"))
			test.lose(r.inotify)
			select {
			case err := <-r.ended:
				if !errors.Is(err, test.cause) {
					t.Errorf("err = %v, want %v", err, test.cause)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the watch goes on")
			}
		})
	}
}

func TestWhatWasWrittenJustBeforeALookIsNotTrusted(t *testing.T) {
	for _, test := range []struct {
		rule    string
		written time.Duration // before the look
		want    int           // tellings, when the file is looked at twice and looks the same
	}{
		{"written long ago, it has not changed", time.Minute, 1},
		{"written just now, it may have changed in the same instant", 0, 2},
	} {
		t.Run(test.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte("value"), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-test.written)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
			told := 0
			w := watch{changed: func(key.Location) { told++ }}
			f := &watched{path: path}
			w.look(f, start)
			w.look(f, timer)
			if told != test.want {
				t.Errorf("told %d times, want %d", told, test.want)
			}
		})
	}
}

func hears(t *testing.T, r running, what string) {
	t.Helper()
	select {
	case <-r.told:
	case <-time.After(2 * time.Second):
		t.Fatalf("not told of %s", what)
	}
}

func TestLookEndsWhereTheKernelDoes(t *testing.T) {
	dir := t.TempDir()
	for _, link := range [][2]string{{"loop", "loop"}, {"a", "b"}, {"b", "a"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"loop", "a", "file/below", "missing/below", "."} {
		if s := look(filepath.Join(dir, name)); s.file.there() || len(s.way) == 0 {
			t.Errorf("%s: there = %v, %d steps", name, s.file.there(), len(s.way))
		}
	}
	if s := look(filepath.Join(dir, "file")); !s.file.there() {
		t.Error("a file that is there is not seen")
	}
}
