package mongodb

import (
	sha1hash "crypto/sha1"
	sha256hash "crypto/sha256"
	"strings"
	"testing"
)

// The examples of RFC 5802 and RFC 7677.
func TestTheProofIsThatOfTheStandard(t *testing.T) {
	old := &prover{hash: sha1hash.New, user: "user", password: "pencil", nonce: "fyko+d2lbbFgONRv9qkxdawL"}
	if got := old.first(); got != "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL" {
		t.Errorf("first %q", got)
	}
	got, err := old.proof("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096")
	if want := "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="; got != want || err != nil {
		t.Errorf("proof %q, %v", got, err)
	}
	if !old.proved("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") || old.proved("v=AAAApqV8S7suAoZWja4dJRkFsKQ=") {
		t.Error("the server's proof is judged wrong")
	}
	current := &prover{hash: sha256hash.New, user: "user", password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO"}
	current.first()
	got, err = current.proof("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
	if !strings.HasSuffix(got, ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") || err != nil {
		t.Errorf("proof %q, %v", got, err)
	}
	if !current.proved("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") {
		t.Error("the server's proof is refused")
	}
}

func TestAServerThatCheatsGetsNoProof(t *testing.T) {
	for name, challenge := range map[string]string{
		"another's nonce": "r=other,s=QSXCR+Q6sek8bf92,i=4096",
		"our nonce alone": "r=mine,s=QSXCR+Q6sek8bf92,i=4096",
		"few rounds":      "r=mine1,s=QSXCR+Q6sek8bf92,i=1",
		"rounds for ever": "r=mine1,s=QSXCR+Q6sek8bf92,i=2000000000",
		"no salt":         "r=mine1,s=,i=4096",
		"salt of no kind": "r=mine1,s=?,i=4096",
		"an extension":    "m=x,r=mine1,s=QSXCR+Q6sek8bf92,i=4096",
		"nothing":         "",
	} {
		p := &prover{hash: sha256hash.New, user: "u", password: "p", nonce: "mine"}
		p.first()
		if got, err := p.proof(challenge); err == nil {
			t.Errorf("%s: %q", name, got)
		}
		if p.proved("v=") || p.proved("") {
			t.Errorf("%s: proved by nothing", name)
		}
	}
	p := &prover{hash: sha256hash.New, user: "a=b,c", nonce: "n"}
	if got := p.first(); got != "n,,n=a=3Db=2Cc,r=n" {
		t.Errorf("a name with signs: %q", got)
	}
}
