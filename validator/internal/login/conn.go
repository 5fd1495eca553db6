package login

import (
	"context"
	"errors"
	"net"

	"github.com/livekey/livekey/internal/httpclient"
)

// most is many times what a login has a server say, certificates included. Clients keep all
// that comes of a message or a result, however long it goes on.
const most = 1 << 20

var errTooMuch = errors.New("more came than any login takes")

// Dial connects to where a password may go. Reading more than a login takes is an error.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := httpclient.Dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bounded{Conn: conn, left: most}, nil
}

type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
