package holders

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// gone ends the link of a descriptor whose file has no name any more.
var gone = []byte(" (deleted)")

// sinkScan is the part of a look that is about sinks: who will never see a new file,
// because they hold one that was replaced open, or see a mount of the file alone. It costs
// more than the environments, by some microseconds for each file that somebody has open.
// Files that are only mapped into memory are not looked for: that would cost three times
// as much, and nobody maps an env file.
type sinkScan struct {
	*scan

	targets []target
	spaces  map[string]bool // mount namespaces that were looked at
	first   []mount         // of single files, that the machine's first process sees
	dirents []byte
}

// sinks is nil where there are none.
func (s *scan) sinks(files []string) *sinkScan {
	if len(files) == 0 {
		return nil
	}
	text, err := s.proc.text("self/mountinfo")
	if err != nil {
		s.out.Unseen = append(s.out.Unseen, "replaced files and mounts of sinks: livekey cannot read its own mounts")
		return nil
	}
	targets := locate(files, slices.Collect(mounts(text)), isDir)
	return &sinkScan{scan: s, targets: targets, spaces: map[string]bool{}, dirents: make([]byte, 16<<10)}
}

func (s *sinkScan) look(pid int) {
	if s == nil {
		return
	}
	if pid != self { // livekey's own descriptors are no consumer's
		s.openFiles(pid)
	}
	s.mounts(pid)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// openFiles reports each replaced file of a sink that a process has open.
func (s *sinkScan) openFiles(pid int) {
	fd, err := s.proc.openat(strconv.Itoa(pid)+"/fd", unix.O_DIRECTORY)
	if err != nil {
		if denied(err) && s.match.Idle() { // else it was counted before
			s.refused(pid)
		}
		return
	}
	dir := procDir{fd}
	defer dir.close()
	var candidates []string
	numbers, _ := dir.entries(s.dirents)
	for _, n := range numbers {
		if to, err := dir.link(n, s.links); err == nil && s.maybe(to) {
			candidates = append(candidates, n)
		}
	}
	if len(candidates) > 0 {
		s.confirmFiles(pid, candidates)
	}
}

// maybe says whether the link of a descriptor can be that of a replaced file of a sink, in
// whatever directory its process sees it: by its own name, or below a generation of a
// directory, whose name begins with two dots.
func (s *sinkScan) maybe(to []byte) bool {
	file, ok := bytes.CutSuffix(to, gone)
	if !ok {
		return false
	}
	name := file[bytes.LastIndexByte(file, '/')+1:]
	for _, t := range s.targets {
		if t.folder && bytes.Contains(file, []byte("/..")) || string(name) == path.Base(t.path) {
			return true
		}
	}
	return false
}

// confirmFiles tells which of a process's descriptors are of replaced files of sinks.
func (s *sinkScan) confirmFiles(pid int, numbers []string) {
	p, err := s.proc.hold(pid)
	if err != nil {
		return
	}
	defer p.dir.close()
	text, _ := p.dir.text("mountinfo")
	all := slices.Collect(mounts(text))
	var files []string
	for _, n := range numbers {
		to, err := p.dir.link("fd/"+n, s.links)
		seen, ok := bytes.CutSuffix(to, gone)
		if err != nil || !ok {
			continue
		}
		info, _ := p.dir.text("fdinfo/" + n)
		at, ok := findBy(all, mountID(info), string(seen))
		if !ok {
			continue
		}
		for _, t := range s.targets {
			if file, ok := t.has(at); ok && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	s.report(p, OldInode, files)
}

// mounts reports the mounts of single files that a process sees, once for all who see the
// same. Those that it only inherited from the machine's first process are that one's.
func (s *sinkScan) mounts(pid int) {
	space, err := s.proc.link(strconv.Itoa(pid)+"/ns/mnt", s.links)
	if err != nil || s.spaces[string(space)] {
		return
	}
	s.spaces[string(space)] = true
	p, err := s.proc.hold(pid)
	if err != nil {
		return
	}
	defer p.dir.close()
	text, _ := p.dir.text("mountinfo")
	var alone []mount
	var files []string
	for m := range mounts(text) {
		for _, t := range s.targets {
			file, ok := t.single(m)
			if !ok || slices.ContainsFunc(s.first, m.same) {
				continue
			}
			alone = append(alone, m)
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	if pid == 1 {
		s.first = alone
	}
	s.report(p, OneFile, files)
}

// report adds a sighting for each file.
func (s *sinkScan) report(p process, kind Kind, files []string) {
	if len(files) == 0 {
		return
	}
	who, ok := s.describe(p)
	if !ok {
		return
	}
	for _, file := range files {
		it := who.sighting(kind)
		it.Path = file
		s.out.Sightings = append(s.out.Sightings, it)
	}
}
