package admin

import (
	"errors"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// credentials asks with SO_PEERCRED and SO_PEERGROUPS: the peer cannot lie about them.
func credentials(c *net.UnixConn) (peer, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, false
	}
	var p peer
	var credErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr != nil {
			return
		}
		p = peer{uid: cred.Uid, gid: cred.Gid, pid: cred.Pid}
		p.groups, credErr = peerGroups(fd)
	})
	return p, err == nil && credErr == nil
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
