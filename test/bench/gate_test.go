package bench

import (
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// gate forwards connections to a server and counts them.
type gate struct {
	url string

	mu   sync.Mutex
	open map[*net.TCPConn]bool
	most int // open at once
	ever int
}

// openGate forwards to a TCP address until the test ends.
func openGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	g := &gate{url: "http://" + l.Addr().String(), open: map[*net.TCPConn]bool{}}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.AcceptTCP()
			if err != nil {
				return
			}
			g.count(conn)
			all.Go(func() { g.pass(conn, to) })
		}
	})
	return g
}

// pass copies both ways until either side ends.
func (g *gate) pass(in *net.TCPConn, to string) {
	defer g.forget(in)
	defer func() { _ = in.Close() }()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
	_, _ = io.Copy(out, in)
	_ = out.Close()
	back.Wait()
}

func (g *gate) count(in *net.TCPConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[in] = true
	g.ever++
	if len(g.open) > g.most {
		g.most = max(g.most, g.now())
	}
}

// many is from where on a few more or less do not matter.
const many = 5 * connections

// now is how many are open at their other end: a busy gate hears of an end late. The
// caller holds mu.
func (g *gate) now() (open int) {
	if len(g.open) > many {
		return len(g.open)
	}
	for conn := range g.open {
		if !ended(conn) {
			open++
		}
	}
	return open
}

func ended(conn *net.TCPConn) (yes bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		yes = n == 0 && err == nil || err == unix.ECONNRESET
	})
	return yes || err != nil
}

func (g *gate) forget(in *net.TCPConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, in)
}

// reset begins to count anew, and returns what was counted: how many were open at
// once, and how many were opened.
func (g *gate) reset() (most, ever int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	most, ever = g.most, g.ever
	g.most, g.ever = g.now(), 0
	return most, ever
}
