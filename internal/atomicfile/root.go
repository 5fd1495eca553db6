package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// rootOps works below one os.Root: no name can lead out of it, whoever swaps
// directories for symbolic links meanwhile.
type rootOps struct {
	root *os.Root
	self *os.File // the directory itself, to sync, list and change it
}

func openRoot(path string) (*rootOps, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return selfOf(root)
}

func selfOf(root *os.Root) (*rootOps, error) {
	self, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &rootOps{root, self}, nil
}

func (r *rootOps) create(name string) (file, error) {
	f, err := r.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (r *rootOps) open(name string) (file, error) {
	// Asked before it is opened: opening a device may do something.
	if kind, err := r.lstat(name); err != nil || !kind.IsRegular() {
		return nil, orNotRegular(name, err)
	}
	// And after: O_NONBLOCK keeps a FIFO that took its place from blocking us.
	f, err := r.root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(orNotRegular(name, err), f.Close())
	}
	return osFile{f}, nil
}

func orNotRegular(name string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("open %s: %w", name, ErrNotRegular)
}

func (r *rootOps) lstat(name string) (fs.FileMode, error) {
	fi, err := r.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return fi.Mode().Type(), nil
}

func (r *rootOps) names() ([]string, error) {
	// A new descriptor: the position of a listed one is at its end.
	d, err := r.root.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
}

func (r *rootOps) sub(name string) (ops, error) {
	if kind, err := r.lstat(name); err != nil || !kind.IsDir() {
		if err == nil {
			err = fmt.Errorf("open %s: %w", name, syscall.ENOTDIR)
		}
		return nil, err
	}
	root, err := r.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return selfOf(root)
}

func (r *rootOps) attr() (Attr, error)                  { return statAttr(r.self) }
func (r *rootOps) setAttr(a Attr) error                 { return setAttr(r.self, a) }
func (r *rootOps) readlink(name string) (string, error) { return r.root.Readlink(name) }
func (r *rootOps) symlink(target, name string) error    { return r.root.Symlink(target, name) }
func (r *rootOps) rename(from, to string) error         { return r.root.Rename(from, to) }
func (r *rootOps) remove(name string) error             { return r.root.Remove(name) }
func (r *rootOps) mkdir(name string) error              { return r.root.Mkdir(name, 0o700) }
func (r *rootOps) sync() error                          { return r.self.Sync() }
func (r *rootOps) close() error                         { return errors.Join(r.self.Close(), r.root.Close()) }

type osFile struct{ *os.File }

func (f osFile) attr() (Attr, error)  { return statAttr(f.File) }
func (f osFile) setAttr(a Attr) error { return setAttr(f.File, a) }
func (f osFile) sync() error          { return f.Sync() }
func (f osFile) close() error         { return f.Close() }

func (f osFile) size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func statAttr(f *os.File) (Attr, error) {
	fi, err := f.Stat()
	if err != nil {
		return Attr{}, err
	}
	return attrOf(fi), nil
}

// setAttr changes the owner first: chown may clear mode bits.
func setAttr(f *os.File, a Attr) error {
	if a.UID >= 0 || a.GID >= 0 {
		if err := f.Chown(a.UID, a.GID); err != nil {
			return fmt.Errorf("%w: only root may give files to others, livekey's own user to its own groups: add it to the group (under systemd: SupplementaryGroups=, which `livekey config systemd` prints), or leave owner and group out", err)
		}
	}
	return f.Chmod(a.Mode.Perm())
}
