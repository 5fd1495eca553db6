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
	"strings"

	"golang.org/x/sys/unix"
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
	if err := p.parse(string(text)); err != nil {
		return p, fmt.Errorf("look at process %d: %w", pid, err)
	}
	if pid == os.Getpid() {
		p.files = "/"
	} else if _, err := os.Stat(p.files + "/."); err != nil {
		p.files = ""
	}
	return p, nil
}

// parse reads what /proc/PID/status says of groups and capabilities.
func (p *Process) parse(status string) error {
	seen := 0
	p.uid = -1
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		switch name {
		case "Gid", "Groups": // of Gid: real, effective, saved, of the file system
			seen++
			for _, f := range fields {
				id, err := strconv.Atoi(f)
				if err != nil {
					return err
				}
				p.groups = append(p.groups, id)
			}
		case "Uid":
			if len(fields) < 2 {
				return errors.New("no Uid in its status")
			}
			var err error
			if p.uid, err = strconv.Atoi(fields[1]); err != nil {
				return err
			}
		case "CapEff":
			seen++
			var err error
			if p.caps, err = strconv.ParseUint(strings.TrimSpace(rest), 16, 64); err != nil {
				return err
			}
		}
	}
	if seen != 3 {
		return errors.New("no Gid, Groups and CapEff in its status")
	}
	return nil
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
