package holders

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID asks the kernel who connected: the peer cannot lie about it. It is -1 beside an
// error.
func peerUID(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var errCred error
	if err := raw.Control(func(fd uintptr) {
		cred, errCred = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return -1, err
	}
	if errCred != nil {
		return -1, errCred
	}
	return int(cred.Uid), nil
}
