package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// faulty is a file on a disk with faults.
type faulty struct {
	file
	room     int // bytes until ENOSPC; -1: no end
	noSync   bool
	noCut    bool
	attempts int // of Sync
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.room < 0 || len(b) <= f.room {
		if f.room > 0 {
			f.room -= len(b)
		}
		return f.file.Write(b)
	}
	n, err := f.file.Write(b[:f.room])
	f.room = 0
	return n, errors.Join(err, syscall.ENOSPC)
}

func (f *faulty) Sync() error {
	f.attempts++
	if f.noSync {
		return syscall.EIO
	}
	return f.file.Sync()
}

func (f *faulty) Truncate(n int64) error {
	if f.noCut {
		return syscall.EROFS
	}
	return f.file.Truncate(n)
}

func TestAFullDiskLosesNothingOnceItHasRoom(t *testing.T) {
	for _, c := range []struct {
		name  string
		room  int
		noCut bool
	}{
		{"nothing fits", 0, false},
		{"half a line fits and is cut off", 20, false},
		{"half a line fits and stays", 20, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			must(t, j.PutSync("d", "before", delivery{"x", 1}))
			must(t, j.Put("d", "deleted", delivery{"x", 1}))
			before := size(t, dir)
			disk := &faulty{file: j.f, room: c.room, noCut: c.noCut}
			j.f = disk
			if err := j.Put("d", "app", delivery{"x", 2}); !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			if left := size(t, dir) > before; left != c.noCut {
				t.Errorf("half a line is left behind: %v", left)
			}
			if err := j.PutSync("d", "app", delivery{"x", 2}); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("a record that is owed was taken for written: %v", err)
			}
			if err := j.Delete("d", "deleted"); !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			want(t, j, "app", 2)
			disk.room = -1
			must(t, j.PutSync("d", "after", delivery{"x", 3}))
			j2 := open(t, dir) // as after a kill
			want(t, j2, "before", 1)
			want(t, j2, "app", 2)
			want(t, j2, "after", 3)
			want(t, j2, "deleted", 0)
		})
	}
}

func TestAfterAFailedSyncOnlyANewFileIsTrusted(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	disk := &faulty{file: j.f, room: -1, noSync: true}
	j.f = disk
	if err := j.PutSync("d", "app", delivery{"x", 1}); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	disk.noSync = false // the kernel forgot the error, and maybe the pages
	must(t, j.PutSync("d", "app", delivery{"x", 1}))
	if disk.attempts != 1 || j.f == file(disk) {
		t.Errorf("the old file was synced %d times and kept: %v", disk.attempts, j.f == file(disk))
	}
	want(t, open(t, dir), "app", 1)
}

func TestAFailedSnapshotKeepsTheJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	blocker := filepath.Join(dir, FileName+".tmp")
	must(t, os.Mkdir(blocker, 0o700))
	must(t, j.Put("d", "app", delivery{"x", 1}))
	if err := j.replace(); err == nil {
		t.Fatal("a snapshot was written through a directory")
	}
	must(t, j.PutSync("d", "app", delivery{"x", 2}))
	want(t, open(t, dir), "app", 2)
	must(t, os.Remove(blocker))
	must(t, j.replace())
	want(t, open(t, dir), "app", 2)
}

func TestALeftoverSnapshotIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	must(t, j.Put("d", "app", delivery{"x", 1}))
	must(t, os.WriteFile(filepath.Join(dir, FileName+".tmp"), []byte("half a snapsh"), 0o644))
	must(t, j.replace())
	want(t, open(t, dir), "app", 1)
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}
