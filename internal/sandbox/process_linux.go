package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
)

// Capabilities by their number.
const (
	capChown          = unix.CAP_CHOWN
	capFowner         = unix.CAP_FOWNER
	capDACOverride    = unix.CAP_DAC_OVERRIDE
	capKill           = unix.CAP_KILL
	capNetBindService = unix.CAP_NET_BIND_SERVICE
)

// A Process is a livekey that runs.
type Process struct {
	PID    int
	uid    int // effective
	groups []int
	caps   uint64
	files  string // how we see its files; "" if we may not
}

// Of looks at a process. Only root, and the process itself, see its files.
func Of(pid int) (Process, error) {
	p := Process{PID: pid, files: fmt.Sprintf("/proc/%d/root", pid)}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, fmt.Errorf("look at process: %w", err)
	}
	if err := p.parse(text); err != nil {
		return p, fmt.Errorf("look at process %d: %w", pid, err)
	}
	if pid == os.Getpid() {
		p.files = "/"
	} else if _, err := os.Stat(p.files + "/."); err != nil {
		p.files = ""
	}
	return p, nil
}

// parse reads what /proc/PID/status says of its user, groups and capabilities.
func (p *Process) parse(status []byte) error {
	s, err := procfs.ParseStatus(status)
	p.uid, p.groups, p.caps = s.UID, s.Groups, s.Caps
	return err
}

// root says whether polkit is not asked about it.
func (p Process) root() bool { return p.uid == 0 }

func (p Process) can(capability int) bool { return p.caps&(1<<capability) != 0 }

func (p Process) without(capabilities ...int) string {
	for _, c := range capabilities {
		if !p.can(c) {
			return "it has not the capabilities for that"
		}
	}
	return ""
}

// outside says whether p is in no group of this name or number.
func (p Process) outside(name string) string {
	id, err := strconv.Atoi(name)
	if err != nil {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "there is no group " + name + ": make it first"
		}
		if id, err = strconv.Atoi(g.Gid); err != nil {
			return ""
		}
	}
	if slices.Contains(p.groups, id) || p.can(capChown) {
		return ""
	}
	return "it is not in the group " + name
}

// readOnly says whether the file system at path is read-only for p.
func (p Process) readOnly(path string) string {
	if p.files == "" {
		return ""
	}
	for {
		var st unix.Statfs_t
		switch err := unix.Statfs(filepath.Join(p.files, path), &st); {
		case err == nil && st.Flags&unix.ST_RDONLY != 0:
			return path + " is read-only for it"
		case err == nil || !errors.Is(err, fs.ErrNotExist) || path == "/":
			return ""
		}
		path = filepath.Dir(path)
	}
}

// hidden says whether p sees another thing at path than we do. Of itself a process
// cannot tell.
func (p Process) hidden(path string) string {
	ours, err := os.Stat(path)
	if err != nil || p.files == "" || p.files == "/" {
		return ""
	}
	theirs, err := os.Stat(filepath.Join(p.files, path))
	if err == nil && os.SameFile(ours, theirs) {
		return ""
	}
	return path + " is hidden from it"
}
