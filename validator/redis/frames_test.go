package redis

import (
	"errors"
	"io"
	"net"
	"testing"
)

// What a server announces is believed only where it can have been asked for.
func TestNoRoomIsMadeForWhatNobodyAskedFor(t *testing.T) {
	for said, want := range map[string]error{
		"+OK\r\n": nil, "-NOAUTH no\r\n": nil, "$3\r\napp\r\n": nil, ":1\r\n": nil,
		"*2000000000\r\n": errAnnounced, "$2000000000\r\n": errAnnounced, "$9999999999999999999\r\n": errAnnounced,
		"HTTP/1.1 200 OK\r\n": errAnnounced, "%1\r\n": errAnnounced,
	} {
		ours, theirs := net.Pipe()
		go func() {
			for _, b := range []byte(said) { // one by one, as a network may
				if _, err := theirs.Write([]byte{b}); err != nil {
					return
				}
			}
			_ = theirs.Close()
		}()
		got, err := io.ReadAll(&frames{Conn: ours})
		_ = ours.Close()
		if !errors.Is(err, want) || want == nil && string(got) != said {
			t.Errorf("%q: %q, %v", said, got, err)
		}
	}
}
