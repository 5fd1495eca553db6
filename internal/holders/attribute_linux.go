package holders

import (
	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/key"
)

// Attribute is the consumer that a process belongs to, if it is this user's; "" where that
// cannot be seen.
func Attribute(pid int, uid uint32) key.Consumer {
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	s := &scan{proc: procDir{fd}, links: make([]byte, unix.PathMax), users: users{}}
	defer s.proc.close()
	first, _ := s.proc.text("1/cgroup")
	s.places = newPlaces(first)
	p, err := s.proc.hold(pid)
	if err != nil {
		return ""
	}
	defer p.dir.close()
	who, ok := s.describe(p)
	if !ok || who.uid != int(uid) {
		return ""
	}
	return who.sighting(InProcess).Consumer()
}
