package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
)

// backupSuffix is what a sink adds to the name of what it takes over.
const backupSuffix = ".before-livekey"

// lintPlaces refuses sinks that would write over livekey's own files, over a
// sink's backup, or over each other by two names of one folder.
func (p *plan) lintPlaces() error {
	state := filepath.Dir(resolved(filepath.Join(p.cfg.StateDir, "journal"))) // it may be a symlink itself
	socket := resolved(p.cfg.Socket)
	first := map[string]string{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(p.sinks)) {
		said := pathOf(p.sinks[name])
		if !filepath.IsAbs(said) { // an object of a cluster, of which each would take away what the other put there
			if other := first[said]; said != "" && other != "" {
				faults = append(faults, p.cfg.Sinks[name].Settings.Fault("name", "the same as that of sinks.%s: put the keys of both into one sink, or give each a Secret of its own", config.Shown(other)))
			}
			first[said] = name
			continue
		}
		n, path := p.cfg.Sinks[name].Settings, resolved(said)
		switch {
		case path == state || strings.HasPrefix(path, state+"/"):
			faults = append(faults, n.Fault("path", "inside state_dir, which is livekey's own: choose another folder"))
		case path == socket || path == filepath.Dir(socket):
			faults = append(faults, n.Fault("path", "the place of the socket, which is livekey's own: choose another path"))
		case strings.HasSuffix(path, backupSuffix):
			faults = append(faults, n.Fault("path", "the name of a sink's backup: choose one that does not end in %s", backupSuffix))
		case first[path] != "":
			faults = append(faults, n.Fault("path", "the same place as that of sinks.%s, through a symlink: give each sink a path of its own", config.Shown(first[path])))
		}
		first[path] = name
	}
	return config.Join(faults...)
}

// resolved is path with the symlinks of its folder followed, as far as the
// folders are there. What a sink puts in place takes the name itself.
func resolved(path string) string {
	dir, rest := filepath.Dir(path), filepath.Base(path)
	for {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return filepath.Clean(path)
		}
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
}
