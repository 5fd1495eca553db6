package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

const (
	atOnce = 40 * time.Millisecond // less than settle: a slow machine must not pass for a wait
	settle = 50 * time.Millisecond
	soon   = 2 * time.Second // how long a test waits for what must come
)

// a change is one way in which a file gets other content.
type change struct {
	rule string

	// before prepares dir and returns the path to watch.
	before func(t *testing.T, dir string) string

	// act changes it and returns when the last thing was done to it; zero: play it again.
	act func(t *testing.T, dir string) time.Time

	waits bool // it is told after it was left alone for a while, not at once
}

func in(elem ...string) func(*testing.T, string) string {
	return func(_ *testing.T, dir string) string { return filepath.Join(append([]string{dir}, elem...)...) }
}

// old stores content that was written long ago.
func old(t *testing.T, path, content string) {
	t.Helper()
	ok(t, os.MkdirAll(filepath.Dir(path), 0o700))
	ok(t, os.WriteFile(path, []byte(content), 0o600))
	past := time.Now().Add(-time.Hour)
	ok(t, os.Chtimes(path, past, past))
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// swap makes name a symlink to target in one step, as `ln -sfn` and kubelet do.
func swap(t *testing.T, target, name string) {
	t.Helper()
	ok(t, os.Symlink(target, name+".new"))
	ok(t, os.Rename(name+".new", name))
}

var changes = []change{
	{
		rule: "a rename over the file is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.WriteFile(dir+"/key.new", []byte("2"), 0o600))
			ok(t, os.Rename(dir+"/key.new", dir+"/key"))
			return time.Now()
		},
	},
	{
		rule:   "the first appearance by rename is told at once",
		before: in("key"),
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.WriteFile(dir+"/key.new", []byte("2"), 0o600))
			ok(t, os.Rename(dir+"/key.new", dir+"/key"))
			return time.Now()
		},
	},
	{
		rule: "a file moved here from elsewhere is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/elsewhere/key", "2")
			old(t, dir+"/here/key", "1")
			return dir + "/here/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Rename(dir+"/elsewhere/key", dir+"/here/key"))
			return time.Now()
		},
	},
	{
		rule: "ln -sfn on the file is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/v1", "1")
			old(t, dir+"/v2", "2")
			ok(t, os.Symlink("v1", dir+"/key"))
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			swap(t, "v2", dir+"/key")
			return time.Now()
		},
	},
	{
		rule: "ln -sfn on a folder above, through an absolute link, is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/releases/1/etc/key", "1")
			old(t, dir+"/releases/2/etc/key", "2")
			ok(t, os.Symlink(dir+"/releases/1", dir+"/current"))
			return dir + "/current/etc/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			swap(t, dir+"/releases/2", dir+"/current")
			return time.Now()
		},
	},
	{
		rule: "a rename over the target of a symlink in another folder is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/store/key", "1")
			ok(t, os.Mkdir(dir+"/etc", 0o700))
			ok(t, os.Symlink("../store/key", dir+"/etc/key"))
			return dir + "/etc/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			replace(t, dir+"/store/key", []byte("2"))
			return time.Now()
		},
	},
	{
		rule: "a Kubernetes ..data swap is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/..2026_01/key", "1")
			ok(t, os.Symlink("..2026_01", dir+"/..data"))
			ok(t, os.Symlink("..data/key", dir+"/key"))
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Mkdir(dir+"/..2026_02", 0o700))
			ok(t, os.WriteFile(dir+"/..2026_02/key", []byte("2"), 0o600))
			ok(t, os.Symlink("..2026_02", dir+"/..data_tmp"))
			ok(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
			at := time.Now()
			ok(t, os.RemoveAll(dir+"/..2026_01"))
			return at
		},
	},
	{
		rule: "a folder replaced by rename is told at once",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/keys/prod/key", "1")
			old(t, dir+"/keys.new/prod/key", "2")
			return dir + "/keys/prod/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Rename(dir+"/keys", dir+"/keys.old"))
			ok(t, os.Rename(dir+"/keys.new", dir+"/keys"))
			return time.Now()
		},
	},
	{
		rule: "a write in place is told once it was left alone",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			return writeSlowly(t, dir+"/key", os.O_WRONLY|os.O_TRUNC)
		},
		waits: true,
	},
	{
		rule:   "a file made in place is told once it was left alone",
		before: in("key"),
		act: func(t *testing.T, dir string) time.Time {
			return writeSlowly(t, dir+"/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "an editor that moves the old file away and writes a new one",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Rename(dir+"/key", dir+"/key~"))
			return writeSlowly(t, dir+"/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "a write in place behind a symlink",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/store/key", "1")
			ok(t, os.Symlink("store/key", dir+"/key"))
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			return writeSlowly(t, dir+"/store/key", os.O_WRONLY|os.O_TRUNC)
		},
		waits: true,
	},
	{
		rule: "deleted and made anew",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Remove(dir+"/key"))
			return writeSlowly(t, dir+"/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "a deletion is told once the name stays away",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			at := time.Now()
			ok(t, os.Remove(dir+"/key"))
			return at
		},
		waits: true,
	},
	{
		rule:   "folders that appear later",
		before: in("a", "b", "c", "key"),
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.MkdirAll(dir+"/a/b/c", 0o700))
			return writeSlowly(t, dir+"/a/b/c/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "a folder that was deleted and made anew",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/keys/key", "1")
			return dir + "/keys/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.RemoveAll(dir+"/keys"))
			ok(t, os.Mkdir(dir+"/keys", 0o700))
			return writeSlowly(t, dir+"/keys/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "a symlink whose target comes later",
		before: func(t *testing.T, dir string) string {
			ok(t, os.Symlink("store/key", dir+"/key"))
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			ok(t, os.Mkdir(dir+"/store", 0o700))
			return writeSlowly(t, dir+"/store/key", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		},
		waits: true,
	},
	{
		rule: "another mode",
		before: func(t *testing.T, dir string) string {
			old(t, dir+"/key", "1")
			return dir + "/key"
		},
		act: func(t *testing.T, dir string) time.Time {
			at := time.Now()
			ok(t, os.Chmod(dir+"/key", 0o640))
			return at
		},
		waits: true,
	},
}

// writeSlowly writes in three steps with pauses shorter than settle. It returns the
// zero time if the machine made a pause so long that the watch may take it for the end.
func writeSlowly(t *testing.T, path string, flags int) (last time.Time) {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0o600)
	ok(t, err)
	last = time.Now()
	paused := false
	for i := range 3 {
		time.Sleep(settle / 3)
		paused = paused || time.Since(last) > settle*2/3
		last = time.Now()
		_, err = fmt.Fprintf(f, "part %d of the value", i)
		ok(t, err)
		paused = paused || time.Since(last) > settle/3
	}
	ok(t, f.Close())
	if paused {
		return time.Time{}
	}
	return last
}

// play makes the change before a watch, once more where the machine was too slow for it
// to mean anything.
func (c change) play(t *testing.T) (path string, w watch, acted time.Time) {
	t.Helper()
	for range 20 {
		dir := t.TempDir()
		path = c.before(t, dir)
		w = begin(t, path)
		if acted = c.act(t, dir); !acted.IsZero() {
			return path, w, acted
		}
	}
	t.Fatal("this machine pauses too long to write in steps of", settle/3)
	return path, w, acted
}

func TestWatch(t *testing.T) {
	for _, c := range changes {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel() // they mostly wait
			path, w, acted := c.play(t)
			told := w.next(t)
			switch {
			case c.waits && told.Before(acted.Add(settle)):
				t.Errorf("told %s after the last write, before it could know of the end", told.Sub(acted))
			case !c.waits && told.After(acted.Add(atOnce)):
				t.Errorf("told after %s", told.Sub(acted))
			}
			if more := w.count(2 * settle); more > 1 {
				t.Errorf("told %d times more of one change", more)
			}

			// The watch is still where the file is, whatever happened.
			replace(t, path, []byte("the next generation"))
			acted = time.Now()
			if told := w.next(t); told.After(acted.Add(atOnce)) {
				t.Errorf("the rename after it was told after %s", told.Sub(acted))
			}
		})
	}
}

// BenchmarkRenameToChanged is the time from rename(2) to the call of changed.
func BenchmarkRenameToChanged(b *testing.B) {
	dir := b.TempDir()
	w := begin(b, dir+"/key")
	for b.Loop() {
		b.StopTimer()
		ok(b, os.WriteFile(dir+"/key.new", []byte("value"), 0o600))
		b.StartTimer()
		ok(b, os.Rename(dir+"/key.new", dir+"/key"))
		w.next(b)
	}
}

func TestWatchTellsOnlyOfWhatChanged(t *testing.T) {
	dir := t.TempDir()
	old(t, dir+"/key", "1")
	ok(t, os.Link(dir+"/key", dir+"/backup"))
	w := begin(t, dir+"/key")
	for i := range 500 {
		replace(t, fmt.Sprintf("%s/neighbor-%d", dir, i%7), []byte("x"))
	}
	ok(t, os.Mkdir(dir+"/folder", 0o700))
	if _, err := os.ReadFile(dir + "/key"); err != nil {
		t.Fatal(err)
	}
	if got := w.count(2 * settle); got != 0 {
		t.Errorf("told %d times of nothing", got)
	}
}

func TestWatchOfManyTellsEachByItsLocation(t *testing.T) {
	dir := t.TempDir()
	old(t, dir+"/..1/a", "1")
	old(t, dir+"/..1/b", "1")
	old(t, dir+"/..2/a", "2")
	old(t, dir+"/..2/b", "2")
	ok(t, os.Symlink("..1", dir+"/..data"))
	ok(t, os.Symlink("..data/a", dir+"/a"))
	ok(t, os.Symlink("..data/b", dir+"/b"))
	old(t, dir+"/c", "1")
	w := begin(t, dir+"/a", dir+"/b", dir+"/c")
	swap(t, "..2", dir+"/..data")
	got := map[string]bool{}
	for range 2 {
		select {
		case one := <-w.told:
			got[one.loc.Path] = true
		case <-time.After(soon):
			t.Fatalf("told of %v only", got)
		}
	}
	if !got[dir+"/a"] || !got[dir+"/b"] {
		t.Errorf("told of %v", got)
	}
	if more := w.count(2 * settle); more != 0 {
		t.Errorf("told %d times more", more)
	}
}

func TestWatchLeavesOutWhatCannotBeResolved(t *testing.T) {
	dir := t.TempDir()
	src, _ := open(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan key.Location, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- src.(sources.Watcher).Watch(ctx, []key.Location{at("relative"), at(dir + "/key")}, func(l key.Location) { told <- l })
	}()
	select {
	case got := <-told:
		if !strings.HasSuffix(got.Path, "/key") {
			t.Errorf("told of %s", got)
		}
	case <-time.After(soon):
		t.Error("not told of the location that can be resolved")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("err = %v, want nil after the context ended", err)
	}
}

// watch is a running Watch.
type watch struct{ told chan telling }

type telling struct {
	loc key.Location
	at  time.Time
}

// begin watches paths, until the test ends. It returns when the watch has begun.
func begin(t testing.TB, paths ...string) watch {
	t.Helper()
	src, _ := open(t, "")
	w := watch{told: make(chan telling, 1000)}
	var locs []key.Location
	for _, path := range paths {
		locs = append(locs, at(path))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- src.(sources.Watcher).Watch(ctx, locs, func(l key.Location) { w.told <- telling{l, time.Now()} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	for range paths {
		w.next(t)
	}
	return w
}

// next waits for the next telling and returns when it was.
func (w watch) next(t testing.TB) time.Time {
	t.Helper()
	select {
	case one := <-w.told:
		return one.at
	case <-time.After(soon):
		t.Fatal("nothing was told")
		return time.Time{}
	}
}

// count is how many tellings come until none has come for a while.
func (w watch) count(while time.Duration) (n int) {
	for {
		select {
		case <-w.told:
			n++
		case <-time.After(while):
			return n
		}
	}
}
