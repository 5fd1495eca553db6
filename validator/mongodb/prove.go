package mongodb

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
)

// The rounds of hashing that a server may ask for: fewer give a password away, and nothing
// ends more once they have begun.
const (
	leastRounds = 4096
	mostRounds  = 1_500_000
)

var errScram = errors.New("the server does not keep to SCRAM")

// prover is the client's side of one login by RFC 5802, without channel binding. The library
// for it would bring tables of a quarter of a megabyte: docs/adr/0010.
type prover struct {
	hash     func() hash.Hash
	user     string
	password string
	nonce    string

	bare   string // the first message, without its head
	server []byte // the signature by which the server proves itself
}

func newProver(h func() hash.Hash, user, password string) *prover {
	return &prover{hash: h, user: user, password: password, nonce: rand.Text()}
}

// first is the first message.
func (s *prover) first() string {
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.user)
	s.bare = "n=" + name + ",r=" + s.nonce
	return "n,," + s.bare
}

// proof answers the server's first message.
func (s *prover) proof(challenge string) (string, error) {
	fields := strings.Split(challenge, ",")
	if len(fields) < 3 {
		return "", errScram
	}
	nonce, okNonce := strings.CutPrefix(fields[0], "r=")
	encoded, okSalt := strings.CutPrefix(fields[1], "s=")
	count, okCount := strings.CutPrefix(fields[2], "i=")
	salt, err := base64.StdEncoding.DecodeString(encoded)
	rounds, errCount := strconv.Atoi(count)
	if !okNonce || !okSalt || !okCount || err != nil || errCount != nil || len(salt) == 0 ||
		!strings.HasPrefix(nonce, s.nonce) || nonce == s.nonce || rounds < leastRounds || rounds > mostRounds {
		return "", errScram
	}
	salted, err := pbkdf2.Key(s.hash, s.password, salt, rounds, s.hash().Size())
	if err != nil {
		return "", err
	}
	final := "c=biws,r=" + nonce
	message := s.bare + "," + challenge + "," + final
	client := s.mac(salted, "Client Key")
	stored := s.hash()
	stored.Write(client)
	proof := s.mac(stored.Sum(nil), message)
	subtle.XORBytes(proof, proof, client)
	s.server = s.mac(s.mac(salted, "Server Key"), message)
	return final + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

// proved says whether the server's last message shows that it knows the password too.
func (s *prover) proved(last string) bool {
	signature, ok := strings.CutPrefix(last, "v=")
	signature, _, _ = strings.Cut(signature, ",")
	got, err := base64.StdEncoding.DecodeString(signature)
	return ok && err == nil && s.server != nil && hmac.Equal(got, s.server)
}

func (s *prover) mac(key []byte, message string) []byte {
	m := hmac.New(s.hash, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}
