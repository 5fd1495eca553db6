package file

import (
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sight is what one look at a path found: every name that was looked up on the
// way, through symlinks, and what stands at the end. The way is what has to be
// watched: the file changes when any of these names does.
type sight struct {
	way  []step
	file state
}

// step is one name looked up in one directory. Both are without symlinks.
type step struct {
	dir string
	id  inode  // of dir
	at  string // dir and the name: what an event about it is called
}

type inode struct{ dev, ino uint64 }

// state tells two contents of a name apart without reading them. The zero state
// is a name that is not there.
type state struct {
	path         string // without symlinks: another one after a swap
	id           inode
	size         int64
	mtime, ctime int64 // nanoseconds since 1970; ctime also moves with mode, owner and name
}

func (s state) there() bool { return s != state{} }

// maxLinks is where the kernel gives up on a path, too.
const maxLinks = 40

// look goes along path, which is absolute and clean, as the kernel does. It
// stops at the first name that is missing, may not be looked up, or is no
// directory where one is needed: there the file can appear.
func look(path string) sight {
	var s sight
	var st unix.Stat_t
	if unix.Lstat("/", &st) != nil {
		return s
	}
	root := inodeOf(&st)
	dir, id := "/", root
	rest := strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." { // only in the text of a symlink
			dir = filepath.Dir(dir)
			if unix.Lstat(dir, &st) != nil {
				return s
			}
			id = inodeOf(&st)
			continue
		}
		at := filepath.Join(dir, name)
		if next := (step{dir: dir, id: id, at: at}); !slices.Contains(s.way, next) {
			s.way = append(s.way, next)
		}
		if unix.Lstat(at, &st) != nil {
			return s
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			text, err := readlink(at)
			if links++; err != nil || links > maxLinks {
				return s
			}
			if filepath.IsAbs(text) {
				dir, id = "/", root
			}
			rest = append(strings.Split(text, "/"), rest...)
		case unix.S_IFDIR:
			dir, id = at, inodeOf(&st)
		default:
			if len(rest) == 0 {
				s.file = stateOf(at, &st)
			}
			return s
		}
	}
	return s // a directory is no record
}

func readlink(path string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, buf)
	return string(buf[:max(n, 0)]), err
}

func inodeOf(st *unix.Stat_t) inode {
	return inode{dev: uint64(st.Dev), ino: uint64(st.Ino)} //nolint:unconvert // of other types on other systems
}

func stateOf(path string, st *unix.Stat_t) state {
	return state{path: path, id: inodeOf(st), size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano()}
}
