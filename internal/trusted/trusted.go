// Package trusted reads files that decide where keys are sent or whom livekey
// believes: a config, a provider's file, the roots of a connection, a program that
// is run. Whoever may write one of them has the keys, so what others may write is
// refused.
package trusted

import (
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
func Read(path string) ([]byte, error) {
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
	if err := Check(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxSize {
		return nil, &Refused{path, "larger than 1 MiB", "split it"}
	}
	return text, nil
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
