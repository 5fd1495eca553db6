package secret

import "testing"

func TestAValueIsKnownByItsDigest(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if v := New([]byte("abc")); !v.HasSHA256(abc) || v.HasSHA256(abc[:63]) || v.HasSHA256("") || New([]byte("abd")).HasSHA256(abc) {
		t.Error("the digest of abc is not that of abc alone")
	}
}
