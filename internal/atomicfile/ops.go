package atomicfile

import (
	"io"
	"io/fs"
	"syscall"
)

// Attr is who may do what with a file or directory.
type Attr struct {
	Mode     fs.FileMode // permission bits, set regardless of the umask
	UID, GID int         // -1: as the kernel gives it
}

// Has says whether a file with attributes got needs no change to be as a says.
func (a Attr) Has(got Attr) bool {
	return got.Mode == a.Mode.Perm() && (a.UID < 0 || a.UID == got.UID) && (a.GID < 0 || a.GID == got.GID)
}

// Dir is the Attr of a directory whose files have a: who may read them may
// list them, and only the owner changes what is there.
func (a Attr) Dir() Attr {
	d := Attr{Mode: 0o700, UID: a.UID, GID: a.GID}
	if a.Mode&0o040 != 0 {
		d.Mode |= 0o050
	}
	return d
}

func attrOf(fi fs.FileInfo) Attr {
	a := Attr{Mode: fi.Mode().Perm(), UID: -1, GID: -1}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		a.UID, a.GID = int(st.Uid), int(st.Gid)
	}
	return a
}

// ops is everything that this package does to one open directory. Names have no
// separators. There are two: rootOps asks the kernel, and the tests' model keeps
// a log from which it builds every disk that a power cut may leave.
type ops interface {
	create(name string) (file, error) // O_EXCL, 0600, for writing and reading back
	open(name string) (file, error)   // regular files only, never through a symbolic link
	lstat(name string) (kind fs.FileMode, err error)
	readlink(name string) (string, error)
	names() ([]string, error)
	symlink(target, name string) error
	rename(from, to string) error
	remove(name string) error
	mkdir(name string) error // 0700
	sub(name string) (ops, error)
	attr() (Attr, error)
	setAttr(Attr) error
	sync() error // makes the names in this directory durable, and its own Attr
	close() error
}

type file interface {
	io.Writer
	io.ReaderAt
	size() (int64, error)
	attr() (Attr, error)
	setAttr(Attr) error
	sync() error
	close() error
}
