package admin

import (
	"context"
	"net"
	"os/user"
	"strconv"
)

// peer is the process at the other end, as the kernel knows it.
type peer struct {
	uid, gid uint32
	pid      int32 // 0: it is in another pid namespace
	groups   []uint32
}

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if p, ok := peerOf(c); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// peerOf asks the kernel who is at the other end; it is not ok where it has no word for it.
func peerOf(c net.Conn) (peer, bool) {
	for {
		switch of := c.(type) {
		case *counted:
			c = of.Conn
		case *net.UnixConn:
			return credentials(of)
		default:
			return peer{}, false
		}
	}
}

// name is the user's name, or "uid N" where the system has no name for it.
func (p peer) name() string {
	uid := strconv.FormatUint(uint64(p.uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

// caller names who asks, for the record.
func caller(ctx context.Context) string {
	if p, ok := ctx.Value(peerKey{}).(peer); ok {
		return p.name()
	}
	return "unknown user"
}
