package admin

import (
	"context"
	"net"
	"os/user"
	"strconv"
)

// peer is the process at the other end, as the kernel knows it.
type peer struct {
	uid uint32
	pid int32
}

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if of, ok := c.(*counted); ok {
		c = of.Conn
	}
	if u, ok := c.(*net.UnixConn); ok {
		if p, ok := peerOf(u); ok {
			return context.WithValue(ctx, peerKey{}, p)
		}
	}
	return ctx
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
