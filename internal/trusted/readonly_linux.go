package trusted

import "golang.org/x/sys/unix"

// readOnly says whether nothing can be written through the mount that path is on.
func readOnly(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}
