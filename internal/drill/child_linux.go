package drill

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr keeps the terminal's Ctrl-C from the daemon, which the drill stops
// itself, and ends the daemon with the drill however that one ends.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// memoryBacked says whether dir is on a tmpfs.
func memoryBacked(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && int64(fs.Type) == unix.TMPFS_MAGIC //nolint:unconvert // int32 on some architectures
}
