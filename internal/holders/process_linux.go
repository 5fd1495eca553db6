package holders

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// procDir is a directory in which each process has one of its own.
type procDir struct{ fd int }

// process is one process, held by its directory. What is opened below that belongs to this
// very process, or fails once it has ended, though its number be used again: a pidfd
// promises the same, and opens no files.
type process struct {
	pid int
	dir procDir
}

func (p procDir) close() { _ = unix.Close(p.fd) }

// hold fails with what ended says if there is no such process.
func (p procDir) hold(pid int) (process, error) {
	fd, err := p.openat(strconv.Itoa(pid), unix.O_DIRECTORY|unix.O_PATH)
	return process{pid, procDir{fd}}, err
}

// openat opens to read and no more. Its errors are bare: whoever meets them knows the name.
func (p procDir) openat(name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(p.fd, name, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// maxText is the size of a file of /proc that is read whole, in bytes: the mounts of a
// machine with thousands of containers.
const maxText = 8 << 20

// text reads a file that has nothing of a program's own in it: never an environment.
func (p procDir) text(name string) ([]byte, error) {
	fd, err := p.openat(name, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, 0, 2<<10)
	for len(b) < maxText {
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := reader(fd)(b[len(b):cap(b)])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return b, nil
		}
		b = b[:len(b)+n]
	}
	return nil, unix.EFBIG
}

// link reads where a link of /proc leads.
func (p procDir) link(name string, buf []byte) ([]byte, error) {
	n, err := unix.Readlinkat(p.fd, name, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// entries are the names in an open directory. buf is for the kernel's answers.
func (p procDir) entries(buf []byte) (names []string, err error) {
	for {
		n, err := unix.ReadDirent(p.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// reader reads from fd into what it is given. It returns 0 at the end.
func reader(fd int) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		for {
			n, err := unix.Read(fd, b)
			if !errors.Is(err, unix.EINTR) {
				return n, err
			}
		}
	}
}

// denied says that err is about who asks. Another error of a process is that it ended.
func denied(err error) bool { return errors.Is(err, os.ErrPermission) }
