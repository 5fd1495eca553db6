package holders

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
)

// The namespace of process numbers in which the machine's first process is.
const firstPIDs = "pid:[4026531836]"

// limits finds out what this look cannot see at all, and what it needs to tell the rest.
func (s *scan) limits(mount string, pids []int) {
	first, _ := s.proc.text("1/cgroup")
	s.places = newPlaces(first)

	if at, err := s.proc.link("self/ns/pid", s.links); err == nil && string(at) != firstPIDs {
		s.out.Unseen = append(s.out.Unseen, OutOfSight)
	}
	if s.hidden(mount, pids) {
		s.out.Unseen = append(s.out.Unseen, "processes of other users: "+mount+" hides them from livekey (hidepid, ProtectProc)")
	}
}

// hidden says whether others' processes are not even listed. The first one is always
// there: it is missing where it is another user's, and of our own user it says nothing.
func (s *scan) hidden(mount string, pids []int) bool {
	if !slices.Contains(pids, 1) {
		return true
	}
	var first unix.Stat_t
	if unix.Fstatat(s.proc.fd, "1", &first, 0) != nil || int(first.Uid) != unix.Geteuid() {
		return false
	}
	text, _ := s.proc.text("self/status")
	me, err := procfs.ParseStatus(text)
	if err != nil || me.Caps&(1<<unix.CAP_SYS_PTRACE) != 0 {
		return false
	}
	text, _ = s.proc.text("self/mountinfo")
	for m := range mounts(text) {
		if m.point == mount && m.hidesProcesses() {
			return true
		}
	}
	return false
}
