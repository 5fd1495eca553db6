package systemd

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// prefix begins the names of what a run puts into this machine, before its pid: a folder
// for temporary files and a cgroup. Everything else ends with the container's first process.
const prefix = "livekey-systemd-test-"

func nameOf(pid int) string { return prefix + strconv.Itoa(pid) }

// sweep removes what runs left that were killed, and what this one made.
func sweep() {
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

// cgroupMounts are the places of the unified cgroups, which a machine with the old ones
// may have too, or not at all.
func cgroupMounts() []string {
	b, _ := os.ReadFile("/proc/self/mounts")
	var all []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
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
