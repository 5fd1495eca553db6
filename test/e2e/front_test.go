package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A front stands before a far end and answers in its place while there is trouble.
type front struct {
	t    testing.TB
	url  string
	addr string
	next http.Handler

	mu     sync.Mutex
	now    *trouble
	over   chan struct{} // closed when the trouble is over: what is held is let go
	server *http.Server
	hits   int // requests in the present trouble

	inside sync.WaitGroup // requests that the far end itself answers
}

// A trouble is one way for a far end to be hostile.
type trouble struct {
	name string
	// serve answers; over is closed when the trouble ends. Nil: the port is closed.
	serve func(w http.ResponseWriter, r *http.Request, over <-chan struct{})
}

func newFront(t testing.TB, next http.Handler) *front {
	t.Helper()
	f := &front{t: t, next: next, addr: "127.0.0.1:0", over: make(chan struct{})}
	f.listen()
	f.url = "http://" + f.addr
	t.Cleanup(func() { f.end(); _ = f.server.Close() })
	return f
}

func (f *front) listen() {
	f.t.Helper()
	var l net.Listener
	var err error
	for range 100 { // connections of before may still hold the port
		if l, err = net.Listen("tcp", f.addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(f.t, err)
	f.addr = l.Addr().String()
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = f.server.Serve(l) }() // ends with Close
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	now, over := f.now, f.over
	f.hits++
	well := now == nil || now.serve == nil
	if well {
		f.inside.Add(1)
	}
	f.mu.Unlock()
	if well {
		defer f.inside.Done()
		f.next.ServeHTTP(w, r)
		return
	}
	now.serve(w, r, over)
}

// begin makes every call from now on meet the trouble. What was on its way to the
// far end has its answer when begin returns: no later change is in it.
func (f *front) begin(tr trouble) {
	f.mu.Lock()
	f.now, f.hits, f.over = &tr, 0, make(chan struct{})
	f.mu.Unlock()
	if tr.serve == nil {
		_ = f.server.Close()
	}
	f.inside.Wait()
}

// end lets the far end answer again.
func (f *front) end() {
	f.mu.Lock()
	was := f.now
	f.now = nil
	if was != nil {
		close(f.over)
	}
	f.mu.Unlock()
	if was != nil && was.serve == nil {
		f.listen()
	}
}

// hitsNow is how many requests met the trouble so far.
func (f *front) hitsNow() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// A trap is where no request may ever come.
type trap struct {
	url    string
	sprung atomic.Int64
}

// hugeBody is what the largest answers have: 1 GiB.
const hugeBody = 1 << 30

// taken is the most that any client took of a huge body, in bytes.
type taken struct {
	mu   sync.Mutex
	most int64
}

func (c *taken) note(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = max(c.most, n)
}

// troubles are all of them. elsewhere is another host, whose requests are counted.
func troubles(elsewhere *trap, sizes *taken) []trouble {
	all := []trouble{
		{"the port is closed", nil},
		{"no answer", func(_ http.ResponseWriter, r *http.Request, over <-chan struct{}) {
			select {
			case <-over:
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler)
		}},
		{"the connection is reset", func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			conn := hijack(w)
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}},
		{"the connection ends without an answer", func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			_ = hijack(w).Close()
		}},
		{"the answer drips", func(w http.ResponseWriter, r *http.Request, over <-chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-over:
					panic(http.ErrAbortHandler)
				case <-r.Context().Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}},
		{"the answer is cut", func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, `{"data":{`)
			panic(http.ErrAbortHandler)
		}},
		{"not HTTP", func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			conn := hijack(w)
			_, _ = conn.Write([]byte("\x00\xff\xfe 220 mail.example ESMTP\r\n\r\n"))
			_ = conn.Close()
		}},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			conn := hijack(w)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			sizes.note(pour(conn, []byte("X-Pad: "+strings.Repeat("a", 4000)+"\r\n"), hugeBody))
			_ = conn.Close()
		}},
		answers(200, "application/octet-stream", "\x00\x01\x02\xff\xfe{\""),
		answers(200, "application/json", "{}"),
		answers(200, "application/json", "null"),
		answers(200, "text/html", "<html><body>Please accept the terms of this network.</body></html>"),
		answers(401, "text/html", "<html><body>Proxy authentication</body></html>"),
		answers(401, "application/json", `{"error":"unauthorized"}`),
		answers(403, "text/html", "<html><body>Blocked by policy</body></html>"),
		answers(500, "text/plain", "oops"),
		answers(529, "application/json", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`),
	}
	for _, status := range []int{200, 401, 503} {
		all = append(all, trouble{fmt.Sprintf("%d with a body of 1 GiB", status), func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(hugeBody))
			w.WriteHeader(status)
			sizes.note(pour(w, bytes.Repeat([]byte(`{"data":[`), 4096), hugeBody))
		}})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		all = append(all,
			trouble{fmt.Sprintf("%d to the same host", status), func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
				if r.URL.Path == "/trap" {
					elsewhere.sprung.Add(1)
				}
				w.Header().Set("Location", "/trap")
				w.WriteHeader(status)
			}},
			trouble{fmt.Sprintf("%d to another host", status), func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
				w.Header().Set("Location", elsewhere.url)
				w.WriteHeader(status)
			}})
	}
	return all
}

// answers is one fixed answer to everything.
func answers(status int, kind, body string) trouble {
	return trouble{fmt.Sprintf("%d %s %.12q", status, kind, body), func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

// pour writes chunk until size bytes are out or the client has had enough.
func pour(w io.Writer, chunk []byte, size int64) (n int64) {
	for n < size {
		k, err := w.Write(chunk[:min(int64(len(chunk)), size-n)])
		n += int64(k)
		if err != nil {
			break
		}
	}
	return n
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}
