package offline_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/validator/offline"
)

// signed is a certificate of name for the key, signed by parent, or by itself.
func signed(t testing.TB, name string, private crypto.Signer, parent *x509.Certificate, by crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0xbeef), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if change != nil {
		change(c)
	}
	if parent == nil {
		parent, by = c, private
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, private.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func certPEM(chain ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range chain {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}

func keyPEM(t testing.TB, private crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pair(cert, key string) (map[string]any, error) {
	return offline.KeyPair(coded(map[string]string{"cert": cert, "key": key}, nil))
}

func TestKeyPair(t *testing.T) {
	caKey, leafKey := newKey(t), newKey(t)
	ca := signed(t, "test CA", caKey, nil, nil, nil)
	leaf := signed(t, "app.internal", leafKey, ca, caKey, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"app.internal", "app"}, []net.IP{net.IPv4(10, 0, 0, 1)}
	})
	all := map[string]any{
		"subject": "CN=app.internal", "issuer": "CN=test CA", "serial": "beef", "names": "app.internal, app, 10.0.0.1",
		"starts": "2026-11-26T11:00:00Z", "expires": "2026-11-26T13:00:00Z", "early": false, "expired": false,
	}
	with := func(more map[string]any) map[string]any {
		m := maps.Clone(all)
		maps.Copy(m, more)
		return m
	}
	stranger := signed(t, "stranger", newKey(t), nil, nil, nil)
	sec1, _ := x509.MarshalECPrivateKey(leafKey)
	for name, c := range map[string]struct {
		cert, key string
		want      map[string]any
	}{
		"a pair with its chain":          {certPEM(leaf, ca), keyPEM(t, leafKey), all},
		"a certificate alone is a chain": {certPEM(leaf), keyPEM(t, leafKey), all},
		"a chain that is none":           {certPEM(leaf, stranger), keyPEM(t, leafKey), with(map[string]any{"disordered": true})},
		"a key in the older form, its curve before it": {
			certPEM(leaf), "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
				string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})), all,
		},
		"a key with a passphrase": {
			certPEM(leaf), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n", with(map[string]any{"encrypted": true}),
		},
		"a key of a kind that nobody here knows": {
			certPEM(leaf), "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", with(map[string]any{"unreadable": true}),
		},
		"a certificate of such a kind": {
			"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", keyPEM(t, leafKey), map[string]any{"unreadable": true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pair(c.cert, c.key)
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestKeyPairsOfEveryKind(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, private := range []crypto.Signer{newKey(t), rsaKey, edKey} {
		cert := certPEM(signed(t, "x", private, nil, nil, nil))
		if _, err := pair(cert, keyPEM(t, private)); err != nil {
			t.Errorf("%T: %v", private, err)
		}
		if _, err := pair(cert, keyPEM(t, newKey(t))); err == nil {
			t.Errorf("%T: a key of another pair is taken", private)
		}
	}
}

func TestDatesOfACertificate(t *testing.T) {
	k := newKey(t)
	for name, c := range map[string]struct {
		from, until    time.Duration
		early, expired bool
	}{
		"good":      {-time.Hour, time.Hour, false, false},
		"ended":     {-time.Hour, -time.Minute - time.Second, false, true},
		"not begun": {time.Hour, 2 * time.Hour, true, false},
	} {
		cert := signed(t, "x", k, nil, nil, func(x *x509.Certificate) { x.NotBefore, x.NotAfter = now.Add(c.from), now.Add(c.until) })
		got, err := pair(certPEM(cert), keyPEM(t, k))
		if err != nil || got["early"] != c.early || got["expired"] != c.expired {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestPairsThatCannotBeUsed(t *testing.T) {
	caKey, leafKey := newKey(t), newKey(t)
	ca := signed(t, "test CA", caKey, nil, nil, nil)
	leaf := signed(t, "app", leafKey, ca, caKey, nil)
	cut := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw[:100]}))
	cutKey := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0x30, 0x20, 0x02}}))
	for name, c := range map[string]struct{ cert, key, want string }{
		"of two pairs":               {certPEM(leaf), keyPEM(t, newKey(t)), "does not belong"},
		"the chain the wrong way":    {certPEM(ca, leaf), keyPEM(t, leafKey), "place 2"},
		"parts the other way round":  {keyPEM(t, leafKey), certPEM(leaf), "other way round"},
		"a key where the cert is":    {certPEM(leaf), certPEM(leaf), "other way round"},
		"no certificate":             {"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", keyPEM(t, leafKey), "no -----BEGIN CERTIFICATE"},
		"no key":                     {certPEM(leaf), "", "no -----BEGIN PRIVATE KEY"},
		"a certificate that is cut":  {cut, keyPEM(t, leafKey), "certificate 1 of the part cert is cut off"},
		"a chain whose end is cut":   {certPEM(leaf) + cut, keyPEM(t, leafKey), "certificate 2 of the part cert is cut off"},
		"a private key that was cut": {certPEM(leaf), cutKey, "part key is cut off"},
	} {
		if got, err := pair(c.cert, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestNamesOfACertificateFit(t *testing.T) {
	k := newKey(t)
	cert := signed(t, "x", k, nil, nil, func(c *x509.Certificate) {
		for i := range 50 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("host-%02d.app.internal", i))
		}
	})
	got, err := pair(certPEM(cert), keyPEM(t, k))
	if want := "host-00.app.internal, host-01.app.internal, host-02.app.internal, host-03.app.internal and 46 more"; err != nil || got["names"] != want {
		t.Errorf("got %v, %v", got["names"], err)
	}
}

func FuzzKeyPair(f *testing.F) {
	k := newKey(f)
	f.Add([]byte(certPEM(signed(f, "x", k, nil, nil, nil))), []byte(keyPEM(f, k)))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		for _, raw := range []bool{true, false} {
			a, b := string(cert), string(key)
			if !raw {
				a, b = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
			}
			facts, _ := pair(a, b)
			tellsNothing(t, facts, b)
		}
	})
}
