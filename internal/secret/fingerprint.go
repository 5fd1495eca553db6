package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
)

// Hasher makes fingerprints under one installation's salt. Safe for concurrent use.
type Hasher struct{ salt Value }

// NewHasher keeps salt, 32 random bytes in a fresh installation.
func NewHasher(salt Value) Hasher { return Hasher{salt} }

// Salt is what somebody else needs to make the same fingerprints.
func (h Hasher) Salt() Value { return h.salt }

// Part is the fingerprint of one part, by which holders and sinks are matched.
func (h Hasher) Part(v Value) key.Fingerprint { return h.sum(v.Reveal()) }

// Version is the fingerprint of all parts in the order of their names. Of a
// single part it is that part's own.
func (h Hasher) Version(parts map[key.Part]Value) key.Fingerprint {
	if len(parts) == 1 {
		for _, v := range parts {
			return h.Part(v)
		}
	}
	var sum key.Fingerprint
	Do(func() {
		var all []byte
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			// Lengths keep ("ab","c") apart from ("a","bc").
			all = appendSized(all, []byte(name))
			all = appendSized(all, parts[name].Reveal())
		}
		sum = h.sum(all)
		clear(all)
	})
	return sum
}

// Epoch names the salt itself without revealing it: a new salt is a new epoch,
// in which fingerprints of before mean nothing.
func (h Hasher) Epoch() string { return h.sum([]byte("livekey epoch")).String() }

func (h Hasher) sum(b []byte) key.Fingerprint {
	var digest [sha256.Size]byte
	Do(func() { // the hash keeps the block that it is in
		mac := hmac.New(sha256.New, h.salt.Reveal())
		mac.Write(b)
		mac.Sum(digest[:0])
	})
	return key.Fingerprint(hex.EncodeToString(digest[:]))
}

func appendSized(to, b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(to, uint64(len(b))), b...)
}

// Seed hashes values for one process, which recognizes by it what it sees again. What it
// makes says nothing elsewhere, and is not kept. Make one with NewSeed.
type Seed struct{ seed maphash.Seed }

// NewSeed makes a random one.
func NewSeed() Seed { return Seed{maphash.MakeSeed()} }

// Hash is the same for equal values, and for others with a chance of one in 2^64.
func (s Seed) Hash(v Value) uint64 { return maphash.Bytes(s.seed, v.Reveal()) }
