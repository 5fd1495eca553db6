package login

import (
	"io"
	"net"
	"testing"
)

// A server that never stops talking costs a megabyte, and not the memory of the machine.
func TestAServerThatNeverStopsIsCutOff(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		for err == nil {
			_, err = conn.Write(make([]byte, 1<<16))
		}
	}()
	conn, err := Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	n, err := io.Copy(io.Discard, io.LimitReader(conn, 1<<26))
	if err == nil || n != most {
		t.Errorf("%d bytes came, %v", n, err)
	}
}
