package crash

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/test/need"
)

// fileCalls are the system calls that a delivery makes on files.
var fileCalls = []string{
	"openat", "close", "newfstatat", "fstat", "statx", "fstatfs", "pread64", "read", "write", "lseek", "fsync", "fchmod", "fchown",
	"fcntl", "renameat", "renameat2", "unlinkat", "mkdirat", "symlinkat", "readlinkat", "getdents64",
}

var errnos = []string{"ENOSPC", "EIO", "EROFS", "EDQUOT", "EACCES", "EMFILE", "EINTR"}

// readings are calls that change nothing.
var readings = map[string]bool{
	"newfstatat": true, "fstat": true, "statx": true, "fstatfs": true, "pread64": true, "read": true, "lseek": true, "readlinkat": true, "getdents64": true, "fcntl": true,
}

// A scenario is one delivery over what was there.
type scenario struct {
	kind
	rule     string
	old, new map[string]string // old nil: the directory does not exist yet
}

func scenarios() []scenario {
	var all []scenario
	for _, k := range kinds {
		all = append(all,
			scenario{k, k.name + " over an older one", map[string]string{"A": "old-a", "B": "old-b"}, map[string]string{"A": "new-a", "C": "new-c"}},
			scenario{k, k.name + " for the first time", nil, map[string]string{"A": "new-a", "C": "new-c"}})
	}
	return all
}

// A point is the n-th call of one kind, and what happens there.
type point struct {
	call  string
	n     int
	fault string // "signal=KILL", "error=EIO"
}

func TestEverySyscallOfADelivery(t *testing.T) {
	need.All(t, "P6: a delivery that is killed or fails at any file system call leaves old or new", need.Linux, need.Root, need.Program("strace"))
	writer := filepath.Join(t.TempDir(), "writer")
	if out, err := exec.Command("go", "build", "-o", writer, "./writer").CombinedOutput(); err != nil {
		t.Fatalf("build writer: %v\n%s", err, out)
	}
	for _, s := range scenarios() {
		t.Run(s.rule, func(t *testing.T) {
			calls := s.dryRun(t, writer)
			if len(calls) < 20 {
				t.Fatalf("only %d file calls seen: %v", len(calls), calls)
			}
			var olds, news atomic.Int32
			var g errgroup.Group
			g.SetLimit(2)
			run := func(p point) {
				g.Go(func() error {
					saw, err := s.at(t, writer, p)
					if err != nil {
						t.Errorf("%s at %s %d: %v", p.fault, p.call, p.n, err)
					}
					if saw == show(s.new) {
						news.Add(1)
					} else {
						olds.Add(1)
					}
					return nil
				})
			}
			for i, c := range calls {
				run(point{c.call, c.n, "signal=KILL"})
				for j, errno := range errnos {
					// A directory is read often: its readings take turns with the errors.
					if s.name == "directory" && readings[c.call] && i%len(errnos) != j {
						continue
					}
					run(point{c.call, c.n, "error=" + errno})
				}
			}
			_ = g.Wait()
			t.Logf("%d calls, %d faults: %d saw the old content, %d the new", len(calls), olds.Load()+news.Load(), olds.Load(), news.Load())
			if olds.Load() == 0 || news.Load() == 0 {
				t.Error("the faults hit only one side of the rename")
			}
		})
	}
}

// prepare makes a directory with the old content and returns the sink's path.
func (s scenario) prepare(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "in", "sink")
	if s.old != nil {
		if err := deliver(t, s.sink(t, path), s.old); err != nil {
			t.Fatal(err)
		}
	}
	return dir, path
}

func (s scenario) command(path string, options ...string) *exec.Cmd {
	// Without -f: the delivery is on the first thread, and nothing else counts.
	args := append([]string{"-qq"}, options...)
	args = append(args, "-kind", s.name, "-path", path, "-settings", strings.Trim(strings.ReplaceAll(settings, ", ", "\n"), "{}"))
	for name, value := range s.new {
		args = append(args, name+"="+value)
	}
	cmd := exec.Command("strace", args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
	return cmd
}

// dryRun lists the file calls between the writer's two marks.
func (s scenario) dryRun(t *testing.T, writer string) []point {
	t.Helper()
	dir, path := s.prepare(t)
	trace := filepath.Join(dir, "trace")
	if out, err := s.command(path, "-e", "trace="+strings.Join(known(t), ","), "-o", trace, writer).CombinedOutput(); err != nil {
		t.Fatalf("dry run: %v\n%s", err, out)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var points []point
	seen := map[string]int{}
	inside := false
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		call, rest, ok := strings.Cut(lines.Text(), "(")
		if !ok {
			continue
		}
		seen[call]++
		switch {
		case strings.Contains(rest, "/livekey-delivery-begins"):
			inside = true
		case strings.Contains(rest, "/livekey-delivery-ends"):
			inside = false
		case inside:
			points = append(points, point{call: call, n: seen[call]})
		}
	}
	return points
}

// known are the file calls that this machine's strace has a name for.
func known(t *testing.T) (calls []string) {
	t.Helper()
	for _, c := range fileCalls {
		if exec.Command("strace", "-qq", "-e", "trace="+c, "-o", "/dev/null", "true").Run() == nil {
			calls = append(calls, c)
		}
	}
	return calls
}

// at makes one delivery with p's fault and judges by what consumers see.
func (s scenario) at(t *testing.T, writer string, p point) (saw string, err error) {
	dir, path := s.prepare(t)
	defer os.RemoveAll(dir)
	inject := fmt.Sprintf("inject=%s:%s:when=%d", p.call, p.fault, p.n)
	out, runErr := s.command(path, "-o", "/dev/null", "-e", "trace="+p.call, "-e", inject, writer).CombinedOutput()
	committed, noticed := bytes.Contains(out, []byte("committed\n")), bytes.Contains(out, []byte("noticed: "))
	killed := strings.HasPrefix(p.fault, "signal")
	if killed == (committed || noticed) {
		return "", errors.Join(fmt.Errorf("the fault did not happen as planned:\n%s", out), runErr)
	}
	if saw, err = s.see(path); err != nil {
		return "", err
	}
	var faults []error
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	expect(saw == show(s.old) || saw == show(s.new), "consumer sees %q", saw)
	expect(!committed || saw == show(s.new), "committed, and the consumer sees %q", saw)
	expect(!noticed || saw == show(s.old), "an error was reported although the new content is there: %s", out)
	expect(!bytes.Contains(bytes.ReplaceAll(out, []byte(path), nil), []byte("new-a")), "a value is in the output")

	sink := s.sink(t, path)
	err = sink.Probe(t.Context())
	expect(err == nil, "next start: %v", err)
	left := leftovers(dir)
	expect(len(left) == 0, "after the next start there is still %q", left)
	again, err := s.see(path)
	expect(err == nil && again == saw, "the next start changed %q to %q: %v", saw, again, err)
	err = deliver(t, sink, s.new)
	expect(err == nil, "next delivery: %v", err)
	last, err := s.see(path)
	expect(err == nil && last == show(s.new), "after the next delivery the consumer sees %q: %v", last, err)
	return saw, errors.Join(faults...)
}
