package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/test/need"
)

const (
	ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH: what was not committed is lost
	cuts         = 15         // of each kind of sink
)

// The shutdown ioctl forbids the file system every further write, as a cut would:
// after a remount there is what had reached the disk.
func TestPowerCutsOfARealDisk(t *testing.T) {
	need.All(t, "P6: what was committed survives a power cut of ext4", need.Linux, need.Root, need.Program("mkfs.ext4"), need.Program("mount"))
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			disk := newDisk(t)
			path := filepath.Join(disk.mountPoint, "in", "sink")
			last, during := 0, 0
			for i := range cuts {
				disk.mount(t)
				s := k.sink(t, path)
				if err := s.Probe(t.Context()); err != nil {
					t.Fatalf("cut %d: next start: %v", i, err)
				}
				if left := leftovers(disk.mountPoint); len(left) > 0 {
					t.Errorf("cut %d: after the next start there is still %q", i, left)
				}
				var begun, committed atomic.Int64
				begun.Store(int64(last))
				committed.Store(int64(last))
				done := make(chan error)
				go func() {
					for n := last + 1; ; n++ {
						begun.Store(int64(n))
						if err := deliver(t, s, generation(n)); err != nil {
							done <- err
							return
						}
						committed.Store(int64(n))
						if i%2 == 0 { // the cut comes right after this one
							done <- nil
							return
						}
					}
				}()
				var err error
				if i%2 == 0 {
					err = <-done
				} else {
					time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
				}
				if err != nil {
					t.Fatalf("cut %d: deliver: %v", i, err)
				}
				least := int(committed.Load())
				disk.cut(t)
				most := int(begun.Load())
				if i%2 == 1 {
					during++
					t.Logf("cut %d: the writer ended with: %v", i, <-done)
				}
				disk.unmount(t)
				disk.mount(t)
				saw, err := k.see(path)
				if err != nil {
					t.Fatalf("cut %d: %v", i, err)
				}
				last = number(saw)
				if saw != "" && saw != show(generation(last)) || last < least || last > most+1 {
					t.Fatalf("cut %d: %d was committed and %d begun, consumer sees %q", i, least, most, saw)
				}
				disk.unmount(t)
			}
			t.Logf("%d cuts, %d of them during a delivery, %d deliveries", cuts, during, last)
		})
	}
}

// generation is the n-th content: two values that belong together.
func generation(n int) map[string]string {
	return map[string]string{"A": fmt.Sprintf("a%d", n), "B": fmt.Sprintf("b%d", n)}
}

func number(saw string) int {
	text, _, _ := strings.Cut(strings.TrimPrefix(saw, "A=a"), " ")
	n, _ := strconv.Atoi(text)
	return n
}

// A disk is an ext4 file system in a file.
type disk struct{ image, mountPoint string }

func newDisk(t *testing.T) disk {
	t.Helper()
	d := disk{filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "mnt")}
	if err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 16<<20), os.Mkdir(d.mountPoint, 0o755)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-F", d.image)
	t.Cleanup(func() { _ = syscall.Unmount(d.mountPoint, syscall.MNT_DETACH) })
	return d
}

func (d disk) mount(t *testing.T)   { t.Helper(); run(t, "mount", "-o", "loop", d.image, d.mountPoint) }
func (d disk) unmount(t *testing.T) { t.Helper(); run(t, "umount", d.mountPoint) }

func (d disk) cut(t *testing.T) {
	t.Helper()
	f, err := os.Open(d.mountPoint)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, noLogFlush); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
