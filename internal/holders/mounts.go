package holders

import (
	"bytes"
	"iter"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is a line of /proc/PID/mountinfo.
type mount struct {
	id      string
	dev     string // major:minor of the file system
	root    string // which of its files or directories is mounted
	point   string // where, as the process sees it
	options string // of the file system
}

// removed ends the root of a mount whose file is gone by its name, as one is that was
// replaced by a rename.
const removed = "//deleted"

// mounts reads mountinfo: id parent dev root point options fields… - type source options.
func mounts(text []byte) iter.Seq[mount] {
	return func(yield func(mount) bool) {
		for line := range bytes.Lines(text) {
			before, after, ok := strings.Cut(string(line), " - ")
			fields, last := strings.Fields(before), strings.Fields(after)
			if !ok || len(fields) < 6 {
				continue
			}
			m := mount{id: fields[0], dev: fields[2], root: unescape(fields[3]), point: unescape(fields[4])}
			if len(last) == 3 {
				m.options = last[2]
			}
			if !yield(m) {
				return
			}
		}
	}
}

// unescape undoes the three octal digits that the kernel writes for blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hidesProcesses says whether a procfs lists nobody else's.
func (m mount) hidesProcesses() bool {
	for option := range strings.SplitSeq(m.options, ",") {
		switch option {
		case "hidepid=2", "hidepid=4", "hidepid=invisible", "hidepid=ptraceable":
			return true
		}
	}
	return false
}

// spot is a file by where it is in its file system: the same in every mount namespace.
type spot struct{ dev, path string }

// find returns the spot of a path as seen through all these mounts. A mount hides those
// before it.
func find(all []mount, at string) (s spot, ok bool) {
	longest := -1
	for _, m := range all {
		rest, in := below(m.point, at)
		if in && len(m.point) >= longest {
			longest, ok = len(m.point), true
			s = m.spot(rest)
		}
	}
	return s, ok
}

// same says whether two are one mount, or a copy of it in another namespace.
func (m mount) same(o mount) bool { return m.dev == o.dev && m.root == o.root && m.point == o.point }

// findBy returns the spot of a path that was opened through the mount of that id.
func findBy(all []mount, id, at string) (s spot, ok bool) {
	for _, m := range all {
		if rest, in := below(m.point, at); in && m.id == id {
			return m.spot(rest), true
		}
	}
	return spot{}, false
}

// mountID reads the id out of /proc/PID/fdinfo/N.
func mountID(info []byte) string {
	for line := range bytes.Lines(info) {
		if id, ok := bytes.CutPrefix(line, []byte("mnt_id:")); ok {
			return string(bytes.TrimSpace(id))
		}
	}
	return ""
}

// spot is that of what lies at rest below the mount.
func (m mount) spot(rest string) spot {
	return spot{m.dev, path.Join(strings.TrimSuffix(m.root, removed), rest)}
}

// below returns what is left of at below dir: "" for dir itself.
func below(dir, at string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(at, strings.TrimSuffix(dir, "/")); !ok {
		return "", false
	}
	if rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}

// target is a sink, for which replaced files and mounts are looked at.
type target struct {
	path   string // as the config has it
	folder bool
	at     spot
}

// locate finds out where sinks are, as livekey sees them. A path that ends in a slash is a
// directory's; so is one that livekey sees to be one. Those whose place cannot be found
// are left out.
func locate(files []string, own []mount, isDir func(string) bool) (all []target) {
	for _, file := range files {
		clean := filepath.Clean(file)
		t := target{path: clean, folder: strings.HasSuffix(file, "/") || isDir(clean)}
		place := clean
		if dir, err := filepath.EvalSymlinks(filepath.Dir(clean)); err == nil {
			place = filepath.Join(dir, filepath.Base(clean))
		}
		var ok bool
		if t.at, ok = find(own, place); ok {
			all = append(all, t)
		}
	}
	return all
}

// has says whether a file belongs to the sink, and by which path. Generations of a
// directory, which come and go, are left out of it.
func (t target) has(at spot) (file string, ok bool) {
	if at.dev != t.at.dev {
		return "", false
	}
	rest, in := below(t.at.path, at.path)
	switch {
	case !in || !t.folder && rest != "":
		return "", false
	case rest == "":
		return t.path, true
	default:
		return path.Join(t.path, path.Base(rest)), true
	}
}

// single says whether m mounts a file of the sink, by name, or a generation of a
// directory: then it shows for ever what was there when it was mounted.
func (t target) single(m mount) (file string, ok bool) {
	file, ok = t.has(m.spot(""))
	if ok && t.folder && file == t.path {
		return "", false // the directory itself, in which every change is seen
	}
	return file, ok
}
