package mysql

import (
	"bytes"
	"net"
)

// keyBegins is how a server's key begins under which it wants the password sealed.
var keyBegins = []byte("-----BEGIN")

// sealed is a connection to another machine on which no such key is taken: over TLS the
// server sends none, and without TLS whoever answers could open what is sealed with it.
type sealed struct {
	net.Conn
	offered bool // a key came
	tail    []byte
}

func (s *sealed) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.tail = append(s.tail, p[:n]...)
	if s.offered = s.offered || bytes.Contains(s.tail, keyBegins); s.offered {
		clear(p[:n])
		return 0, net.ErrClosed
	}
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-len(keyBegins)+1):]...)
	return n, err
}
