package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// InMemory says whether the directory is on a file system that is never written
// to a disk. tmpfs may be swapped out, which docs call for what it is.
func (d *Dir) InMemory() (bool, error) {
	r, ok := d.ops.(*rootOps)
	if !ok {
		return false, nil
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(r.self.Fd()), &st); err != nil {
		return false, fmt.Errorf("statfs %s: %w", d.path, err)
	}
	magic := uint32(st.Type) //nolint:gosec // 32 bits wherever Linux runs, whatever the field has
	return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC, nil
}

// mounted says whether name is itself a mount point, as a file bound into a
// container is. Kernels before 5.8 cannot tell: then the rename says it.
func (d *Dir) mounted(name string) (bool, error) {
	r, ok := d.ops.(*rootOps)
	if !ok {
		return false, nil
	}
	var st unix.Statx_t
	err := unix.Statx(int(r.self.Fd()), name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &st)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("statx: %w", err)
	}
	return st.Attributes_mask&st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}
