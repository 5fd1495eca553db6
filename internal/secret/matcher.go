package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/maphash"

	"github.com/livekey/livekey/internal/key"
)

// The lengths of what a Matcher hashes, in bytes. Nothing shorter is a key, and Linux
// passes no longer variable to a program.
const (
	MinMatch = 8
	MaxMatch = 128 << 10
)

// slots is how many values a Matcher remembers: thousands of processes share some hundred.
const slots = 1 << 14

// Matcher says which bytes, of the very many that a scan comes by, have a wanted
// fingerprint. What it is shown belongs to others: it keeps a random hash of it at most.
// Use one for one scan. Not safe for concurrent use.
type Matcher struct {
	wanted map[[sha256.Size]byte]key.Fingerprint
	mac    hash.Hash

	seed maphash.Seed
	seen [slots]uint64 // hashes of what did not match, each in its slot: the later one stays

	in     []byte // what sum hashes, for the time of the call
	digest [sha256.Size]byte
	sum    func() // made once: a closure a value would be an allocation a value
}

// Matcher looks for fingerprints that h made. Those that are none are not looked for.
func (h Hasher) Matcher(wanted []key.Fingerprint) *Matcher {
	m := &Matcher{wanted: make(map[[sha256.Size]byte]key.Fingerprint, len(wanted)), seed: maphash.MakeSeed()}
	for _, w := range wanted {
		var digest [sha256.Size]byte
		if len(w) == hex.EncodedLen(len(digest)) {
			if _, err := hex.Decode(digest[:], []byte(w)); err == nil {
				m.wanted[digest] = w
			}
		}
	}
	Do(func() {
		m.mac = hmac.New(sha256.New, h.salt.Reveal())
		m.mac.Reset() // from here on it goes back to the salted state, and over what it hashed
	})
	m.sum = func() {
		m.mac.Write(m.in)
		m.mac.Sum(m.digest[:0])
		m.mac.Reset()
	}
	return m
}

// Idle says that nothing is looked for.
func (m *Matcher) Idle() bool { return len(m.wanted) == 0 }

// Match returns the fingerprint of b if it is a wanted one.
func (m *Matcher) Match(b []byte) (key.Fingerprint, bool) {
	if len(b) < MinMatch || len(b) > MaxMatch || m.Idle() {
		return "", false
	}
	quick := maphash.Bytes(m.seed, b)
	slot := &m.seen[quick%slots]
	if *slot == quick {
		return "", false
	}
	m.in = b
	Do(m.sum)
	m.in = nil
	mark, ok := m.wanted[m.digest]
	clear(m.digest[:])
	if !ok {
		*slot = quick
	}
	return mark, ok
}
