package postgres

import "encoding/binary"

// spy reads along what a server sends until the role is in or refused: the client
// does not tell whether the server asked for a password at all.
type spy struct {
	heard    bool // anything in the protocol's form
	asked    bool // for a password
	accepted bool // the role is who it says, whatever is refused afterwards

	head []byte // of the message that is being read: type, length, and what R says
	skip int    // bytes left of its rest
	done bool
}

// headSize is a type, a length, and the first number of an authentication message.
const headSize = 1 + 4 + 4

// Numbers of authentication messages. All but these two ask for something.
const (
	authenticationOK = 0
	saslFinal        = 12
)

// Write never fails.
func (s *spy) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.done {
		if s.skip > 0 {
			k := min(s.skip, len(p))
			s.skip, p = s.skip-k, p[k:]
			continue
		}
		k := min(s.need()-len(s.head), len(p))
		s.head, p = append(s.head, p[:k]...), p[k:]
		if len(s.head) == s.need() {
			s.read()
		}
	}
	return n, nil
}

// need is how much of a message is looked at: of R its number too.
func (s *spy) need() int {
	if len(s.head) > 0 && s.head[0] == 'R' {
		return headSize
	}
	return headSize - 4
}

func (s *spy) read() {
	rest := int64(binary.BigEndian.Uint32(s.head[1:])) - int64(s.need()-1)
	if rest < 0 || rest > 1<<16 {
		s.done = true // not the protocol; the client says so
		return
	}
	s.heard = true
	switch s.head[0] {
	case 'R':
		switch binary.BigEndian.Uint32(s.head[5:]) {
		case authenticationOK:
			s.accepted = true
		case saslFinal:
		default:
			s.asked = true
		}
	case 'Z', 'E':
		s.done = true
	}
	s.head, s.skip = s.head[:0], int(rest)
}
