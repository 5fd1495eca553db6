package trusted

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symlinks may stand on the way to a program, as for Linux.
const maxLinks = 40

// CheckProgram refuses the program at path if anybody but root and the caller
// could put another one in its place: it looks at the file, and at every folder
// and symlink on the way from / to it. A folder that all may write is let pass if
// it is sticky, as /tmp is: what is in it can be replaced by its owner alone.
// What it refuses is a *Refused; other errors are those of package os.
func CheckProgram(path string) error {
	if !filepath.IsAbs(path) {
		return &Refused{path, "not an absolute path", "write it from / on"}
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := checkStep(next, info); err != nil {
				return err
			}
			at = next
			continue
		}
		if err := checkOwner(next, info); err != nil { // every symlink has mode 0777
			return err
		}
		if links++; links > maxLinks {
			return &Refused{path, "more than 40 symlinks lead to it", "name the file itself"}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &Refused{path, "not a regular file", "name a program"}
	}
	return nil
}

// checkStep is Check of a folder or file on the way, but for folders that are sticky.
func checkStep(path string, info fs.FileInfo) error {
	if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return checkOwner(path, info)
	}
	return Check(path, info)
}
