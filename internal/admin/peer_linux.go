package admin

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel with SO_PEERCRED: the peer cannot lie about it.
func peerOf(c *net.UnixConn) (peer, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return peer{}, false
	}
	return peer{uid: cred.Uid, pid: cred.Pid}, true
}
