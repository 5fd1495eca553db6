package logwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// pollEvery is how often a file is looked at.
const pollEvery = time.Second

// What is read of a file, in bytes: at once, and each time that it is looked at. Whoever writes
// it, or makes a hole in it, can have it grow faster than anybody should read.
const (
	chunk   = 64 << 10
	maxPoll = 64 << 20
)

// File is a log file. It is followed from its end as it is at the start; what takes its
// place later, by whatever way logs are rotated, from the beginning.
type File struct {
	Path  string
	Every time.Duration // 0: a second
}

// Follow looks at the file again and again.
func (f File) Follow(ctx context.Context, line func([]byte), trouble func(error)) {
	every := f.Every
	if every == 0 {
		every = pollEvery
	}
	r := &reader{path: f.Path, lines: lines{each: line}, buf: make([]byte, chunk)}
	defer r.close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		trouble(r.poll(ctx, first))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reader is how far a file was read.
type reader struct {
	path  string
	f     *os.File
	at    int64
	lines lines
	buf   []byte
}

// poll reads what was added. The first time it begins at the end.
func (r *reader) poll(ctx context.Context, first bool) error {
	info, err := os.Stat(r.path)
	if r.f != nil {
		was, errWas := r.f.Stat()
		if errWas != nil || err != nil || !os.SameFile(was, info) { // moved away: what was added before that
			if errRead := r.read(ctx); errRead != nil && err == nil {
				err = errRead
			}
			r.close()
		}
	}
	if err != nil {
		return fmt.Errorf("follow log: %w", err)
	}
	if r.f == nil {
		if err := r.open(first); err != nil {
			return fmt.Errorf("follow log: %w", err)
		}
	}
	if now, err := r.f.Stat(); err == nil && now.Size() < r.at { // cut off, or copied and cut off
		r.at = 0
		r.lines.drop()
	}
	if err := r.read(ctx); err != nil {
		return fmt.Errorf("follow log: %w", err)
	}
	return nil
}

// open takes the file that is at the path now. A pipe would let nobody through, so that it
// is opened without waiting.
func (r *reader) open(atEnd bool) error {
	f, err := os.OpenFile(r.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: r.path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.f, r.at = f, 0
	r.lines.drop()
	if atEnd {
		r.at = info.Size()
	}
	return nil
}

// read takes what there is from where it was read to. Of too much it leaves out the middle:
// who is refused says it again.
func (r *reader) read(ctx context.Context) error {
	if info, err := r.f.Stat(); err == nil && info.Size()-r.at > maxPoll {
		r.at = info.Size() - maxPoll
		r.lines.drop()
	}
	for end := r.at + maxPoll; ctx.Err() == nil && r.at < end; {
		n, err := r.f.ReadAt(r.buf, r.at)
		r.at += int64(n)
		_, _ = r.lines.Write(r.buf[:n]) // it never fails
		clear(r.buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close() // opened for reading
		r.f = nil
	}
}
