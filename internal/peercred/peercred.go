// Package peercred asks the kernel who is at the other end of a Unix socket.
package peercred

// Cred is the process that made the connection, as it was then.
type Cred struct {
	UID, GID uint32
	PID      int // 0: it is in another PID namespace
	Groups   []uint32
}
