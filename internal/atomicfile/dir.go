package atomicfile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// A Dir is one open directory in which files are replaced. Not safe for
// concurrent use of the same names.
type Dir struct {
	path string // for messages
	ops  ops
}

// A File is what is in place now.
type File struct {
	Data []byte
	Attr Attr
}

// Write replaces path, whose directory must exist and be safe, see [Open]. Its
// error wraps ErrInDoubt if the new content is in place nevertheless.
func Write(path string, data []byte, a Attr) error {
	d, err := Open(filepath.Dir(path), Options{Reader: -1})
	if err != nil {
		return err
	}
	return errors.Join(d.Write(filepath.Base(path), data, a, nil), d.Close())
}

// Close lets go of the directory.
func (d *Dir) Close() error { return d.ops.close() }

// Read returns the file name, which is never followed if it is a symbolic link.
// The error wraps fs.ErrNotExist or ErrNotRegular where that is the cause.
func (d *Dir) Read(name string) (File, error) {
	f, err := read(d.ops, name)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", d.join(name), err)
	}
	return f, nil
}

func read(o ops, name string) (_ File, err error) {
	f, err := o.open(name)
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	a, err := f.attr()
	if err != nil {
		return File{}, err
	}
	data, err := readAll(f)
	return File{data, a}, err
}

// Write replaces the file name by data. verify, if given, sees the bytes as they
// were read back, before the name changes; its error leaves everything as it was.
func (d *Dir) Write(name string, data []byte, a Attr, verify func(written []byte) error) error {
	tmp := tempName(name)
	err := fill(d.ops, tmp, data, a, verify)
	if err == nil {
		err = d.ops.rename(tmp, name)
	}
	if err != nil {
		// What cannot be removed now, Sweep removes at the next start.
		_ = d.ops.remove(tmp)
		return fmt.Errorf("write %s: %w", d.join(name), hint(err))
	}
	if err := d.ops.sync(); err != nil {
		return fmt.Errorf("write %s: %w: sync directory: %w", d.join(name), ErrInDoubt, err)
	}
	return nil
}

// Try does what Write does up to the rename, with an empty file: it says at
// start what Write could not do.
func (d *Dir) Try(name string, a Attr) error {
	tmp := tempName(name)
	if err := errors.Join(fill(d.ops, tmp, nil, a, nil), d.ops.remove(tmp)); err != nil {
		return fmt.Errorf("try to write %s: %w", d.join(name), hint(err))
	}
	if mounted, err := d.mounted(name); err != nil || mounted {
		if err == nil {
			err = ErrMounted
		}
		return fmt.Errorf("try to write %s: %w", d.join(name), err)
	}
	return nil
}

// fill makes the file name, synced, with its final owner and mode.
func fill(o ops, name string, data []byte, a Attr, verify func([]byte) error) (err error) {
	f, err := o.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.setAttr(a); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	written, err := readAll(f)
	if err != nil {
		return err
	}
	defer clear(written)
	if !bytes.Equal(written, data) {
		return errors.New("read back other bytes than were written")
	}
	if verify != nil {
		return verify(written)
	}
	return nil
}

// MaxFile is the size in bytes of the largest file that is read: whoever may
// write beside us must not decide how much memory we take.
const MaxFile = 8 << 20

func readAll(f file) ([]byte, error) {
	n, err := f.size()
	if err != nil {
		return nil, err
	}
	if n > MaxFile {
		return nil, fmt.Errorf("%d bytes are more than the %d that livekey reads: nothing that it wrote is that large", n, MaxFile)
	}
	// One byte more shows a file that grew meanwhile, and lets one read end it.
	data := make([]byte, n+1)
	got, err := f.ReadAt(data, 0)
	if err == nil {
		return nil, errors.New("changed while it was read")
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:got:got], nil
}

// Sweep removes the temporary files that a crash left of writes to name.
func (d *Dir) Sweep(name string) error {
	names, err := d.ops.names()
	if err != nil {
		return fmt.Errorf("sweep %s: %w", d.path, err)
	}
	var faults []error
	for _, left := range names {
		if isTemp(left, name) {
			faults = append(faults, d.Remove(left))
		}
	}
	return errors.Join(faults...)
}

// Remove removes name; that it is not there is no error.
func (d *Dir) Remove(name string) error {
	if err := d.ops.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", d.join(name), err)
	}
	return nil
}

// Kind returns the type bits of name itself, not of what it points to.
func (d *Dir) Kind(name string) (fs.FileMode, error) { return d.ops.lstat(name) }

// Names lists the directory, in no order.
func (d *Dir) Names() ([]string, error) {
	names, err := d.ops.names()
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	return names, nil
}

func (d *Dir) join(name string) string { return filepath.Join(d.path, name) }

// Temporary is how the names begin of what livekey has not finished, or did not
// live to take away.
const Temporary = ".livekey-"

// Temporary names tell what they were meant for, so that a sweep for one file
// does not take the one that is being written for its neighbor.
func tempPrefix(name string) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return Temporary + hex.EncodeToString(h.Sum(nil)) + "-"
}

func tempName(name string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return tempPrefix(name) + hex.EncodeToString(b[:])
}

func isTemp(left, name string) bool { return strings.HasPrefix(left, tempPrefix(name)) }
