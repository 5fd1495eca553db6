package redis

import (
	"bytes"
	"errors"
	"net"
)

// longest is the most that a server may announce of a reply: the client makes room for
// all of it before a byte has come.
const longest = 4096

var errAnnounced = errors.New("the reply is longer than any that was asked for")

// frames is a connection whose far end answers each write with a line or a short text.
type frames struct {
	net.Conn
	head []byte // of the reply to the last write, up to its first line end
	seen bool
}

func (f *frames) Write(p []byte) (int, error) {
	f.head, f.seen = f.head[:0], false
	return f.Conn.Write(p)
}

func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.seen {
		return n, err
	}
	f.head = append(f.head, p[:n]...)
	line, _, whole := bytes.Cut(f.head, []byte("\r\n"))
	f.seen = whole
	if len(line) > longest || !short(line) {
		return 0, errAnnounced
	}
	return n, err
}

// short says whether the first line of a reply, perhaps not all of it yet, announces
// what livekey can have asked for: no list, and a text of at most four digits.
func short(line []byte) bool {
	if len(line) == 0 {
		return true
	}
	switch line[0] {
	case '+', '-', ':':
		return true
	case '$':
		return len(line) <= len("$9999")
	}
	return false
}
