//go:build linux

package namespace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// NameOf names what a run with a pid puts into this machine: a folder for temporary files
// and cgroups. Everything else ends with the namespaces. prefix is the package's own.
func NameOf(prefix string, pid int) string { return prefix + strconv.Itoa(pid) }

// Sweep removes what runs left that were killed, and what this one made.
func Sweep(prefix string) {
	for _, parent := range append(cgroupMounts(), os.TempDir()) {
		left, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
		for _, path := range left {
			pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), prefix))
			if err != nil || pid != os.Getpid() && syscall.Kill(pid, 0) == nil {
				continue // a run that goes on
			}
			if parent == os.TempDir() {
				_ = os.RemoveAll(path)
			} else {
				removeCgroup(path)
			}
		}
	}
}

// cgroupMounts are the places of the unified cgroups and of the old ones: a machine may
// have both.
func cgroupMounts() []string {
	b, _ := os.ReadFile("/proc/self/mounts")
	var all []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[2], "cgroup") {
			all = append(all, f[1])
		}
	}
	return all
}

// removeCgroup removes a cgroup with those in it. Their files are the kernel's.
func removeCgroup(path string) {
	var folders []string
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, p)
		}
		return nil
	})
	for _, p := range slices.Backward(folders) {
		_ = syscall.Rmdir(p)
	}
}
