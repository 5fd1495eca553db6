package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Options say how a directory is opened.
type Options struct {
	// Reader is a user who may own the directory itself beside root and livekey:
	// the one who is to read what is in it. -1: nobody.
	Reader int
	// Create, if given, makes the missing directories on the way: the last with
	// these attributes, those above it passable by all and listed by nobody else.
	Create *Attr
	// AllowUnsafe skips the question who could swap the directory.
	AllowUnsafe bool
}

// Open opens a directory after it looked at every directory and symbolic link on
// the way from the root, as sshd's StrictModes does: each must belong to root or
// livekey, and be writable by nobody else unless its sticky bit is set. The error
// wraps ErrUnsafe if one is not, and fs.ErrNotExist if one is not there.
func Open(path string, o Options) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", path, err)
	}
	w := walk{Options: o, euid: os.Geteuid()}
	real, err := w.to(abs)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", path, err)
	}
	r, err := openRoot(real)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", path, err)
	}
	// Between the look and the open nobody but root or livekey could change it;
	// with AllowUnsafe somebody could, and then it is what it is.
	if fi, err := r.self.Stat(); err != nil || !o.AllowUnsafe && !os.SameFile(fi, w.last) {
		return nil, errors.Join(fmt.Errorf("open directory %s: %w: it was swapped meanwhile", path, ErrUnsafe), err, r.close())
	}
	return &Dir{path: abs, ops: r}, nil
}

// A walk goes down from the root and trusts each step only after a look at it.
type walk struct {
	Options
	euid int
	last fs.FileInfo
}

const maxLinks = 40 // as the kernel

func (w *walk) to(path string) (string, error) {
	at, todo := "/", parts(path)
	for links := 0; len(todo) > 0; {
		if err := w.look(at, false); err != nil {
			return "", err
		}
		name := todo[0]
		todo = todo[1:]
		if name == ".." { // only from a link's target: at has no links left in it
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		fi, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) && w.Create != nil {
			if err := w.make(at, name, len(todo) == 0); err != nil {
				return "", err
			}
			fi, err = os.Lstat(next)
		}
		if err != nil {
			return "", err
		}
		if fi.Mode().Type() == fs.ModeSymlink {
			// In a sticky directory like /tmp a link is as good as its owner.
			if err := w.owned(next, fi, false); err != nil {
				return "", err
			}
			target, err := os.Readlink(next)
			if err != nil {
				return "", err
			}
			if links++; links > maxLinks {
				return "", syscall.ELOOP
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			todo = append(parts(target), todo...)
			continue
		}
		at = next
	}
	return at, w.look(at, true)
}

func parts(path string) []string {
	return strings.FieldsFunc(filepath.Clean(path), func(r rune) bool { return r == filepath.Separator })
}

func (w *walk) look(path string, last bool) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s: %w", path, syscall.ENOTDIR)
	}
	w.last = fi
	if err := w.owned(path, fi, last); err != nil || w.AllowUnsafe {
		return err
	}
	if fi.Mode()&0o022 != 0 && fi.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: %s (mode %04o) may be changed by others, who could swap what is in it: "+
			"chmod go-w, or allow_unsafe_dir: true where nobody else can reach it, as in an emptyDir volume", ErrUnsafe, path, fi.Mode().Perm())
	}
	return nil
}

func (w *walk) owned(path string, fi fs.FileInfo, last bool) error {
	uid := attrOf(fi).UID
	if w.AllowUnsafe || uid == 0 || uid == w.euid || last && uid == w.Reader {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to uid %d, who could swap what is in it: "+
		"give it to root or to livekey's user (uid %d), or allow_unsafe_dir: true where that user is trusted", ErrUnsafe, path, uid, w.euid)
}

// make creates one missing directory. The one above it is trusted by now.
func (w *walk) make(in, name string, last bool) (err error) {
	parent, err := openRoot(in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parent.close()) }()
	if err := parent.mkdir(name); err != nil {
		return fmt.Errorf("%s: %w", in, hint(err))
	}
	made, err := parent.sub(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.close()) }()
	a := Attr{Mode: 0o711, UID: -1, GID: -1}
	if last {
		a = *w.Create
	}
	if err := made.setAttr(a); err != nil {
		// Not left behind: it would be found at the next start, without its Attr.
		return errors.Join(err, parent.remove(name))
	}
	return parent.sync()
}
