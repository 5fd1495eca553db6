// Package place holds what all kinds of sink on a file system share: whose the
// files are, where they may be, and what is to be written.
package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
)

// Settings are the fields of a sink that every such kind has.
type Settings struct {
	Location       string          `yaml:"path"`
	Mode           config.FileMode `yaml:"mode"`  // 0600 unless said
	Owner          string          `yaml:"owner"` // name or id; livekey's own user unless said
	Group          string          `yaml:"group"`
	Adopt          bool            `yaml:"adopt"`
	RequireTmpfs   bool            `yaml:"require_tmpfs"`
	AllowUnsafeDir bool            `yaml:"allow_unsafe_dir"`
}

// Check returns every fault of the settings, without I/O.
func (s Settings) Check(n config.Node) error {
	var faults []error
	switch {
	case s.Location == "":
		faults = append(faults, n.Fault("path", "is required: an absolute path, such as /run/livekey/sinks/app/app.env"))
	case !filepath.IsAbs(s.Location):
		faults = append(faults, n.Fault("path", "must be absolute"))
	case filepath.Clean(s.Location) == "/":
		faults = append(faults, n.Fault("path", "must lie below a directory"))
	}
	mode := fs.FileMode(s.Mode)
	switch {
	case s.Mode == 0: // not said
	case mode&0o007 != 0:
		faults = append(faults, n.Fault("mode", "%04o lets every user of the host at the keys: give the sink a group, and 0640", mode))
	case mode&^0o660 != 0:
		faults = append(faults, n.Fault("mode", "%04o has bits that a file of keys does not need: only 0400, 0440, 0600, 0640 and 0660 make sense", mode))
	case mode&0o400 == 0:
		faults = append(faults, n.Fault("mode", "%04o does not let the owner read", mode))
	}
	return errors.Join(faults...)
}

// Path is where consumers find the sink.
func (s Settings) Path() string { return s.Location }

// Belongs is to whom the files go, as the config says it.
func (s Settings) Belongs() (owner, group string) { return s.Owner, s.Group }

// Attr looks up owner and group.
func (s Settings) Attr() (atomicfile.Attr, error) {
	a := atomicfile.Attr{Mode: fs.FileMode(s.Mode), UID: -1, GID: -1}
	if a.Mode == 0 {
		a.Mode = 0o600
	}
	var err error
	if s.Owner != "" {
		a.UID, err = id(s.Owner, func() (string, error) {
			u, err := user.Lookup(s.Owner)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
		if err != nil {
			return a, fmt.Errorf("look up owner: %w", err)
		}
	}
	if s.Group != "" {
		a.GID, err = id(s.Group, func() (string, error) {
			g, err := user.LookupGroup(s.Group)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
		if err != nil {
			return a, fmt.Errorf("look up group: %w", err)
		}
	}
	return a, nil
}

// id is a number as it stands, or what lookup says of a name.
func id(name string, lookup func() (string, error)) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	text, err := lookup()
	if err != nil {
		return -1, errors.New(err.Error()) // not as it is: a missing /etc/passwd is no missing sink
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return -1, fmt.Errorf("id of %s is out of range", name)
	}
	return int(n), nil
}

// Open opens dir, the sink's directory, and looks up the Attr of its files. create
// makes it, and what is missing above it, where that is the sink's to decide.
func (s Settings) Open(dir string, create bool) (*atomicfile.Dir, atomicfile.Attr, error) {
	a, err := s.Attr()
	if err != nil {
		return nil, a, err
	}
	o := atomicfile.Options{Reader: a.UID, AllowUnsafe: s.AllowUnsafeDir}
	if create {
		own := a.Dir()
		o.Create = &own
	}
	d, err := atomicfile.Open(dir, o)
	if err != nil {
		return nil, a, err
	}
	if s.RequireTmpfs {
		inMemory, err := d.InMemory()
		if err == nil && !inMemory {
			err = fmt.Errorf("%s is on a disk, and require_tmpfs is set: use a path below /run, or mount a tmpfs there", dir)
		}
		if err != nil {
			return nil, a, errors.Join(err, d.Close())
		}
	}
	return d, a, nil
}

// Variable says whether name can be an environment variable. No such name is a
// path, so it is safe as a file's name too.
func Variable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 255
}
