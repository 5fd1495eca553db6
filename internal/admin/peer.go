package admin

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"github.com/livekey/livekey/internal/peercred"
)

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if p, ok := peerOf(c); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// peerOf asks the kernel who is at the other end; it is not ok where it has no word for it.
func peerOf(c net.Conn) (peercred.Cred, bool) {
	for {
		switch of := c.(type) {
		case *counted:
			c = of.Conn
		case *net.UnixConn:
			p, err := peercred.Of(of)
			return p, err == nil
		default:
			return peercred.Cred{}, false
		}
	}
}

// nameOf is a user's name, or "uid N" where the system has no name for it.
func nameOf(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "uid " + number
}

// caller names who asks, for the record.
func caller(ctx context.Context) string {
	if p, ok := ctx.Value(peerKey{}).(peercred.Cred); ok {
		return nameOf(p.UID)
	}
	return "unknown user"
}
