// Package chaos is a TCP proxy that fails on purpose: it stands before a backend or an
// issuer and does to connections what networks do.
package chaos

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Reach is how many bytes of a conversation are worth failing at: what comes after them
// is more of the same body.
const Reach = 2000

// A Fault is what happens to every connection. The zero Fault does nothing.
type Fault struct {
	Latency time.Duration // before the first byte of an answer
	Rate    int           // bytes of an answer a second; 0: as they come
	After   int           // bytes of an answer that pass before End; what is said below holds from there
	End     End
}

// End is how a connection ends.
type End uint8

// The ends.
const (
	Never    End = iota
	Reset        // with RST: what is in flight is lost
	Truncate     // with FIN, as if all had been said
	HalfOpen     // nothing passes any more, and nobody says so
)

// Proxy passes connections on to one address.
type Proxy struct {
	to string
	l  net.Listener

	mu    sync.Mutex
	fault Fault
	conns map[net.Conn]bool
	most  int // bytes of the longest answer so far
	work  sync.WaitGroup
	ended chan struct{}
}

// New stands before the address to until the test ends.
func New(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{to: to, l: l, conns: map[net.Conn]bool{}, ended: make(chan struct{})}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		close(p.ended)
		_ = l.Close()
		p.Cut()
		p.work.Wait()
	})
	return p
}

// Address is where the proxy listens: host and port.
func (p *Proxy) Address() string { return p.l.Addr().String() }

// Set changes what happens to connections from now on, and cuts those there are.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	p.fault = f
	p.mu.Unlock()
	p.Cut()
}

// Cut ends every connection with RST.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// Longest is the number of bytes of the longest answer so far: of all that was said on
// one connection.
func (p *Proxy) Longest() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.pass(c) })
	}
}

// pass carries one connection until either side ends it.
func (p *Proxy) pass(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		reset(client)
		return
	}
	p.mu.Lock()
	f := p.fault
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	defer func() {
		_, _ = client.Close(), server.Close()
		p.mu.Lock()
		delete(p.conns, client)
		delete(p.conns, server)
		p.mu.Unlock()
	}()
	var there sync.WaitGroup
	there.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	})
	p.answer(f, client, server)
	if f.End == HalfOpen {
		p.silence(client)
	}
	_, _ = client.Close(), server.Close()
	there.Wait()
}

// silence holds on to a connection on which nothing passes, until the other side gives up.
func (p *Proxy) silence(c net.Conn) {
	gone := make(chan struct{})
	p.work.Go(func() {
		defer close(gone)
		for {
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1024)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			select {
			case <-p.ended:
				return
			default:
			}
		}
	})
	<-gone
}

// answer carries what the server says, up to where it is to fail.
func (p *Proxy) answer(f Fault, client, server net.Conn) {
	buffer, passed := make([]byte, 4096), 0
	for first := true; ; first = false {
		if f.End != Never && passed >= f.After {
			p.end(f.End, client)
			return
		}
		part := buffer
		if f.Rate > 0 { // as many as pass in a millisecond
			part = buffer[:min(len(buffer), max(1, f.Rate/1000))]
		}
		if left := f.After - passed; f.End != Never && len(part) > left {
			part = part[:left]
		}
		n, err := server.Read(part)
		if first && n > 0 {
			time.Sleep(f.Latency)
		}
		passed += n
		p.mu.Lock()
		p.most = max(p.most, passed)
		p.mu.Unlock()
		if _, werr := client.Write(part[:n]); werr != nil || err != nil {
			return
		}
		if f.Rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(f.Rate))
		}
	}
}

func (p *Proxy) end(how End, client net.Conn) {
	switch how {
	case Reset:
		reset(client)
	case Truncate:
		_ = client.(*net.TCPConn).CloseWrite()
	case Never, HalfOpen:
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// Bytes are the places at which to fail of a conversation of n bytes: each of the first
// Reach in a run that takes its time, else some of them, the first and the last among them.
func Bytes(n int) []int {
	n = min(n, Reach)
	step := 1
	if os.Getenv("LIVEKEY_TEST") == "" {
		step = 41
	}
	var all []int
	for i := 0; i < n; i += step {
		all = append(all, i)
	}
	return append(all, n-1)
}
