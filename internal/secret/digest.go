package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// HasSHA256 says whether digest, in lower-case hex, is the SHA-256 of v: how somebody who
// knows no salt tells which value he has. It compares in constant time.
func (v Value) HasSHA256(digest string) bool {
	var sum [sha256.Size]byte
	Do(func() { sum = sha256.Sum256(v.Reveal()) })
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(digest)) == 1
}
