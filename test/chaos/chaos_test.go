package chaos

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// talker says text to whoever connects, and closes.
func talker(t *testing.T, text []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(text)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func hear(t *testing.T, p *Proxy, limit time.Duration) (got []byte, took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		return nil, time.Since(began), err // a reset may be quicker than the handshake
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(began.Add(limit))
	got, err = io.ReadAll(c)
	return got, time.Since(began), err
}

func TestFaults(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 10)
	p := New(t, talker(t, text))
	if got, _, err := hear(t, p, time.Minute); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("without a fault: %d bytes, %v", len(got), err)
	}
	if p.Longest() != len(text) {
		t.Errorf("the longest answer has %d bytes", p.Longest())
	}
	for _, n := range []int{0, 1, 99} {
		p.Set(Fault{End: Truncate, After: n})
		if got, _, err := hear(t, p, time.Minute); err != nil || len(got) != n {
			t.Errorf("truncated at %d: %d bytes, %v", n, len(got), err)
		}
		p.Set(Fault{End: Reset, After: n})
		if got, _, err := hear(t, p, time.Minute); !errors.Is(err, syscall.ECONNRESET) || len(got) > n {
			t.Errorf("reset at %d: %d bytes, %v", n, len(got), err)
		}
		p.Set(Fault{End: HalfOpen, After: n})
		if got, _, err := hear(t, p, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) || len(got) != n {
			t.Errorf("half-open at %d: %d bytes, %v", n, len(got), err)
		}
	}
	p.Set(Fault{Latency: 30 * time.Millisecond})
	if _, took, err := hear(t, p, time.Minute); err != nil || took < 30*time.Millisecond {
		t.Errorf("late: %v after %s", err, took)
	}
	p.Set(Fault{Rate: 2000})
	if got, took, err := hear(t, p, time.Minute); err != nil || len(got) != len(text) || took < 40*time.Millisecond {
		t.Errorf("slow: %d bytes, %v after %s", len(got), err, took)
	}
}

func TestBytesHaveTheFirstAndTheLast(t *testing.T) {
	for _, n := range []int{1, 40, 2000, 5000} {
		all := Bytes(n)
		if all[0] != 0 || all[len(all)-1] != min(n, Reach)-1 {
			t.Errorf("of %d: %d to %d", n, all[0], all[len(all)-1])
		}
	}
}
