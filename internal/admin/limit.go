package admin

import (
	"net"
	"sync"
)

// maxConns is how many connections one address serves at once. Whoever reaches the
// address could otherwise use up the files that livekey may have open, and it could
// write no key any more.
const maxConns = 64

// limited is a listener with at most so many connections; further ones wait in the
// kernel until one of them ends.
type limited struct {
	net.Listener

	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener) *limited {
	return &limited{Listener: l, slots: make(chan struct{}, maxConns), closed: make(chan struct{})}
}

// Accept waits for a slot, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept too.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted is a connection that has a slot.
type counted struct {
	net.Conn

	leave func()
}

// Close gives the slot back.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// maxUserConns is how many of them one user may have on a socket that is for every user: so
// many reports at once wait for an answer, and nobody keeps the others out.
const maxUserConns = 8

// byUser is a listener that hangs up on a user who has too many connections, and on whom
// the kernel does not know.
type byUser struct {
	*limited

	mu    sync.Mutex
	conns map[uint32]int
}

func limitUsers(l *limited) *byUser { return &byUser{limited: l, conns: map[uint32]int{}} }

// Accept waits for a connection of a user who may have one more.
func (l *byUser) Accept() (net.Conn, error) {
	for {
		c, err := l.limited.Accept()
		if err != nil {
			return nil, err
		}
		p, ok := peerOf(c)
		if ok && l.enter(p.UID) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.exit(p.UID) })}, nil
		}
		_ = c.Close()
	}
}

func (l *byUser) enter(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[uid] >= maxUserConns {
		return false
	}
	l.conns[uid]++
	return true
}

func (l *byUser) exit(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[uid]--; l.conns[uid] == 0 {
		delete(l.conns, uid)
	}
}
