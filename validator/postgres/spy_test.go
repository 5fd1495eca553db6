package postgres

import (
	"encoding/binary"
	"slices"
	"testing"
)

func message(kind byte, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body))), body...)
}

func authentication(number byte, rest ...byte) []byte {
	return message('R', append([]byte{0, 0, 0, number}, rest...)...)
}

func TestWhetherAServerAsked(t *testing.T) {
	ready, refused := message('Z', 'I'), message('E', []byte("SFATAL\x00C28P01\x00\x00")...)
	sasl, next, final, ok := authentication(10, []byte("SCRAM-SHA-256\x00\x00")...), authentication(11, 'x'), authentication(12, 'y'), authentication(0)
	for name, c := range map[string]struct {
		said            [][]byte
		heard, ask, let bool
	}{
		"nothing":                       {nil, false, false, false},
		"trust":                         {[][]byte{ok, message('S', []byte("a\x00b\x00")...), ready}, true, false, true},
		"SCRAM":                         {[][]byte{sasl, next, final, ok, ready}, true, true, true},
		"SCRAM, refused":                {[][]byte{sasl, next, refused}, true, true, false},
		"MD5":                           {[][]byte{authentication(5, 1, 2, 3, 4), ok, ready}, true, true, true},
		"in the clear":                  {[][]byte{authentication(3), refused}, true, true, false},
		"refused before anything":       {[][]byte{refused}, true, false, false},
		"let in, and then refused":      {[][]byte{sasl, next, final, ok, refused}, true, true, true},
		"what comes later is not read":  {[][]byte{refused, ok, sasl}, true, false, false},
		"a page":                        {[][]byte{[]byte("HTTP/1.1 200 OK\r\n\r\n")}, false, false, false},
		"a length that is none":         {[][]byte{{'R', 0, 0, 0, 1, 0, 0, 0, 0}}, false, false, false},
		"a message of another protocol": {[][]byte{make([]byte, 64)}, false, false, false},
	} {
		whole := slices.Concat(c.said...)
		for size := 1; size <= len(whole)+1; size++ { // however it arrives
			s := &spy{}
			for part := range slices.Chunk(whole, size) {
				if n, err := s.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			if s.heard != c.heard || s.asked != c.ask || s.accepted != c.let {
				t.Errorf("%s, by %d: heard %v, asked %v, accepted %v", name, size, s.heard, s.asked, s.accepted)
				break
			}
		}
	}
}

func FuzzSpy(f *testing.F) {
	f.Add(slices.Concat(authentication(10), authentication(0), message('Z', 'I')))
	f.Fuzz(func(t *testing.T, said []byte) {
		whole, byByte := &spy{}, &spy{}
		_, _ = whole.Write(said)
		for i := range said {
			_, _ = byByte.Write(said[i : i+1])
		}
		if whole.asked != byByte.asked || whole.accepted != byByte.accepted || whole.heard != byByte.heard {
			t.Error("it depends on how it arrives")
		}
	})
}
