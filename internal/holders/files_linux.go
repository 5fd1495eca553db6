package holders

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of holders.files.
const (
	maxFile  = 4 << 20 // bytes of one
	maxFiles = 10_000  // that globs may match
)

// files searches the files that the globs match. What cannot be searched is unseen.
func (s *scan) files(ctx context.Context, globs []string) {
	if len(globs) == 0 || s.match.Idle() {
		return
	}
	var paths []string
	for _, glob := range globs {
		paths = s.expand(paths, glob)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) > maxFiles {
		s.out.Unseen = append(s.out.Unseen, "some files: holders.files matches more than 10,000")
		paths = paths[:maxFiles]
	}
	buf := make([]byte, 64<<10)
	for _, path := range paths {
		if ctx.Err() != nil {
			return
		}
		buf = s.file(path, buf)
	}
}

// expand is a glob that says where it may not look.
func (s *scan) expand(to []string, glob string) []string {
	found := []string{"/"}
	for part := range strings.SplitSeq(strings.Trim(glob, "/"), "/") {
		var next []string
		for _, dir := range found {
			if !strings.ContainsAny(part, `*?[\`) {
				next = append(next, filepath.Join(dir, part))
				continue
			}
			entries, err := os.ReadDir(dir)
			if denied(err) {
				s.out.Unseen = append(s.out.Unseen, dir+": livekey may not list it")
			}
			for _, e := range entries {
				if ok, _ := filepath.Match(part, e.Name()); ok {
					next = append(next, filepath.Join(dir, e.Name()))
				}
			}
		}
		found = next
	}
	return append(to, found...)
}

// file searches one. It returns the buffer, wiped and perhaps larger.
func (s *scan) file(path string, buf []byte) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENXIO): // nothing is there, or a socket
		return buf
	case errors.Is(err, unix.ELOOP):
		s.out.Unseen = append(s.out.Unseen, path+": a link, which livekey does not follow; list the file that it leads to")
		return buf
	case err != nil:
		s.out.Unseen = append(s.out.Unseen, path+": livekey may not read it")
		return buf
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err == nil && !info.Mode().IsRegular():
		return buf
	case err == nil && info.Size() > maxFile:
		s.out.Unseen = append(s.out.Unseen, path+": larger than 4 MiB")
		return buf
	case err == nil && info.Size() >= int64(len(buf)):
		buf = make([]byte, info.Size()+1)
	}
	var n int
	defer func() { clear(buf[:n]) }()
	for n < len(buf) {
		more, err := f.Read(buf[n:])
		n += more
		if err != nil {
			break
		}
	}
	s.search(path, buf[:n])
	return buf
}

// search adds what a file has, each fingerprint once for each name that it is assigned to.
func (s *scan) search(path string, text []byte) {
	var found []hit
	candidates(text, func(name, value []byte) {
		mark, ok := s.match.Match(value)
		if ok && len(found) < maxHits {
			if h := (hit{mark, VariableOf(name)}); !slices.Contains(found, h) {
				found = append(found, h)
			}
		}
	})
	for _, h := range found {
		named := func(o hit) bool { return o.print == h.print && o.variable != "" }
		if h.variable == "" && slices.ContainsFunc(found, named) {
			continue
		}
		s.out.Sightings = append(s.out.Sightings, Sighting{Kind: InFile, Print: h.print, Variable: h.variable, Path: path, UID: -1})
	}
}
