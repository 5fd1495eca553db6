// Package trusted reads files that decide where keys are sent or whom livekey
// believes: a config, a provider's file, the roots of a connection, a program that
// is run. Whoever may write one of them has the keys, so what others may write is
// refused.
package trusted

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxSize is what such a file may have. A real one is a hundredth of it.
const MaxSize = 1 << 20

// Refused says why a file is not read, and what to do about it.
type Refused struct {
	Path   string
	Reason string
	Hint   string
}

func (r *Refused) Error() string { return r.Path + ": " + r.Reason + "; " + r.Hint }

// Read returns the text of the regular file at path that nobody but root and the
// caller may write, at most MaxSize bytes of it. Symlinks are followed: what
// counts is the file that is read. What it refuses is a *Refused; other errors
// are those of package os.
func Read(path string) ([]byte, error) { return read(path, MaxSize, Check) }

// ReadCredential returns the text of the regular file at path by which livekey shows
// who it is, at most limit bytes of it. Whoever writes such a file may be another
// user, as an agent that renews it is, and many may read it; but not all may write it,
// who could have livekey be somebody else. Errors are as those of Read.
func ReadCredential(path string, limit int64) ([]byte, error) {
	return read(path, limit, func(path string, info fs.FileInfo) error {
		if info.Mode().Perm()&0o002 != 0 {
			return &Refused{path, "everybody may write it", "chmod o-w " + path}
		}
		return nil
	})
}

func read(path string, limit int64, check func(string, fs.FileInfo) error) ([]byte, error) {
	// A pipe must not hold the daemon up before it is seen to be one.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Refused{path, "not a regular file", "name a file"}
	}
	if err := check(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		clear(text)
		return nil, &Refused{path, "larger than " + inWords(limit), "it must hold what its name says and nothing else"}
	}
	return text, nil
}

// inWords is a size as people say it.
func inWords(size int64) string {
	switch {
	case size%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", size>>20)
	case size%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", size>>10)
	default:
		return fmt.Sprintf("%d bytes", size)
	}
}

// Check refuses the file or folder at path, whose info this is, if others may
// change it: it returns nil or a *Refused.
func Check(path string, info fs.FileInfo) error {
	if err := checkOwner(path, info); err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return &Refused{path, "others may write it", "chmod go-w " + path}
	}
	return nil
}

func checkOwner(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
		return &Refused{path, "belongs to another user, who could change it", "make root or the user that livekey runs as its owner"}
	}
	return nil
}
