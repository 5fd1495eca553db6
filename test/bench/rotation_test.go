package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// warmUp rotations are not counted: the first open connections and fill caches.
	warmUp = 20
	// settle is how long a program has to become idle before it is measured again: a
	// real rotation finds it so.
	settle = 30 * time.Millisecond
)

func TestRotationInMemory(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	measureRotations(t, "/dev/shm")
}

func TestRotationOnDisk(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	for _, dir := range []string{os.TempDir(), "/var/tmp", "."} {
		if fs := filesystem(t, dir); fs != "tmpfs" {
			measureRotations(t, dir)
			return
		}
	}
	t.Fatal("no directory on a disk: set TMPDIR to one")
}

// measureRotations has livekey and the floor follow a file each, with all that they
// write below parent, in turn.
func measureRotations(t *testing.T, parent string) {
	parent, err := filepath.Abs(parent)
	must(t, err)
	dir := scratch(t, parent, "livekey/source", "livekey/state", "livekey/sink", "floor/source", "floor/sink")
	issuer, url := startIssuer(t)
	live := program{
		issue: func() string { return newKey(issuer) }, source: filepath.Join(dir, "livekey/source/KEY"),
		sink: filepath.Join(dir, "livekey/sink/app.env"),
	}
	floor := live
	floor.source, floor.sink = filepath.Join(dir, "floor/source/KEY"), filepath.Join(dir, "floor/sink/app.env")
	must(t, os.WriteFile(live.source, []byte(live.issue()), 0o600))
	must(t, os.WriteFile(floor.source, []byte(floor.issue()), 0o600))

	configure(t, filepath.Join(dir, "livekey"), `
keys:
  KEY: {from: "file://DIR/source/KEY", provider: anthropic, base_url: "`+url+`"}
sinks:
  app: {kind: env_file, path: DIR/sink/app.env, dialect: systemd, keys: all}
policy: {budget: 100000}
`)
	d := start(t, filepath.Join(dir, "livekey"))
	startFloor(t, floor.source, floor.sink, url)

	for i := range warmUp + *rotations {
		for _, r := range []*program{&live, &floor} {
			took, err := r.rotate()
			if err != nil {
				d.stop()
				t.Fatalf("rotation %d: %v\n%s", i, err, lastLines(d.log.String()))
			}
			if i >= warmUp {
				r.took = append(r.took, took)
			}
		}
	}
	figures.title(out, "From rename(2) in the source to the new key in the env file, %s (%s), %d rotations", filesystem(t, dir), parent, *rotations)
	figures.note(out, "livekey", "%s", live.took)
	figures.note(out, "floor: event, read, call, write", "%s", floor.took)
	figures.want(out, "p50, times the floor", live.took.quantile(0.5)/floor.took.quantile(0.5), "x", 3)
	if filesystem(t, dir) == "tmpfs" { // elsewhere the tail is the disk's
		figures.want(out, "p99", live.took.quantile(0.99), "ms", 10)
	}
}

// program is one that is measured.
type program struct {
	issue        func() string
	source, sink string
	took         sample
}

// rotate puts a new key in place as careful writers do, a file beside it that is
// renamed, and waits until a reader of the sink has it.
func (r *program) rotate() (time.Duration, error) {
	key := []byte(r.issue())
	tmp := r.source + ".new"
	if err := os.WriteFile(tmp, key, 0o600); err != nil {
		return 0, err
	}
	time.Sleep(settle)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := inode(r.sink)
	began := time.Now()
	if err := os.Rename(tmp, r.source); err != nil {
		return 0, err
	}
	for {
		if now := inode(r.sink); now != before {
			before = now
			content, err := os.ReadFile(r.sink)
			if err != nil {
				return 0, err
			}
			if bytes.Contains(content, key) {
				return time.Since(began), nil
			}
		}
		if time.Since(began) > patience {
			return 0, errors.New("the new key did not reach the sink")
		}
		// Whoever has work goes first; who waits by sleeping would sleep too long.
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// inode is 0 if path is not there.
func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// filesystem names the one that dir is on, by statfs(2).
func filesystem(t *testing.T, dir string) string {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	switch st.Type {
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
