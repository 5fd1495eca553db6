package peercred

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of asks with SO_PEERCRED and SO_PEERGROUPS: the peer cannot lie about them.
func Of(c *net.UnixConn) (Cred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Cred{}, err
	}
	var p Cred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr != nil {
			return
		}
		p = Cred{UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
		p.Groups, credErr = peerGroups(fd)
	})
	if err = errors.Join(err, credErr); err != nil {
		return Cred{}, fmt.Errorf("ask who is at the other end: %w", err)
	}
	return p, nil
}

// maxGroups is how many supplementary groups Linux lets a process have.
const maxGroups = 65536

// peerGroups are the supplementary groups of the peer as it connected. x/sys/unix has no
// call for an option that is a list of numbers.
func peerGroups(fd uintptr) ([]uint32, error) {
	for room := 64; room <= maxGroups; room *= 32 {
		groups := make([]uint32, room)
		size := uint32(room * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0) // #nosec G103 -- the kernel writes size bytes there
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case !errors.Is(errno, unix.ERANGE):
			return nil, errno
		}
	}
	return nil, unix.ERANGE
}
