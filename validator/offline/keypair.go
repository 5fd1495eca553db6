package offline

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/livekey/livekey/validator"
)

// longestNames is how much of a certificate's names is told.
const longestNames = 100

// KeyPair reads a certificate, with the chain behind it, and its private key: the
// parts cert and key. It is malformed if the key does not belong to the certificate,
// or the chain does not begin with it. Of kinds that this program cannot read it says
// unreadable, of a key with a passphrase encrypted.
func KeyPair(c validator.Coded) (map[string]any, error) {
	facts := map[string]any{}
	chain, err := certificates(c.Part("cert"))
	if err != nil {
		return nil, err
	}
	if len(chain) > 0 {
		describe(facts, chain, c)
	}
	private, encrypted, err := privateKey(c.Part("key"))
	if err != nil {
		return nil, err
	}
	switch {
	case encrypted:
		facts["encrypted"] = true
	case len(chain) == 0 || private == nil:
		facts["unreadable"] = true
	default:
		return facts, belongs(private, chain)
	}
	return facts, nil
}

func describe(facts map[string]any, chain []*x509.Certificate, c validator.Coded) {
	leaf := chain[0]
	put(facts, "subject", leaf.Subject.String())
	put(facts, "issuer", leaf.Issuer.String())
	put(facts, "serial", fmt.Sprintf("%x", leaf.SerialNumber))
	put(facts, "names", names(leaf))
	dates(facts, leaf.NotBefore, leaf.NotAfter, c.Now)
	for i, child := range chain[:len(chain)-1] {
		if !bytes.Equal(child.RawIssuer, chain[i+1].RawSubject) {
			facts["disordered"] = true
		}
	}
}

// names are for whom a certificate is, as many as fit.
func names(leaf *x509.Certificate) string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	all = append(all, leaf.EmailAddresses...)
	for _, u := range leaf.URIs {
		all = append(all, u.Redacted())
	}
	shown := strings.Join(all, ", ")
	for n := len(all) - 1; n > 0 && len(shown) > longestNames; n-- {
		shown = fmt.Sprintf("%s and %d more", strings.Join(all[:n], ", "), len(all)-n)
	}
	return shown
}

// certificates are those of a PEM text in its order; none if they are of a kind that
// this program cannot read.
func certificates(text string) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	found := false
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") && !found {
			return nil, errors.New("the part cert begins with a private key: are the two parts the other way round?")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		found = true
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil && !whole(block.Bytes):
			return nil, fmt.Errorf("certificate %d of the part cert is cut off or was changed", len(chain)+1)
		case err != nil:
			return nil, nil
		}
		chain = append(chain, cert)
	}
	if !found {
		return nil, errors.New("the part cert has no -----BEGIN CERTIFICATE----- in it")
	}
	return chain, nil
}

// privateKey is the first of a PEM text, nil if it is of a kind that this program
// cannot read.
func privateKey(text string) (private crypto.Signer, encrypted bool, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, false, errors.New("the part key has no -----BEGIN PRIVATE KEY----- in it")
		}
		switch {
		case block.Type == "CERTIFICATE":
			return nil, false, errors.New("the part key begins with a certificate: are the two parts the other way round?")
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			continue // EC PARAMETERS stands before the key
		case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "":
			return nil, true, nil
		}
		if private = parsePrivateKey(block.Bytes); private == nil && !whole(block.Bytes) {
			return nil, false, errors.New("the part key is cut off or was changed")
		}
		return private, false, nil
	}
}

// parsePrivateKey reads PKCS#8, PKCS#1 and SEC 1, whatever the PEM text calls it.
func parsePrivateKey(der []byte) crypto.Signer {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, _ := k.(crypto.Signer)
		return signer
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	return nil
}

// whole says whether der is one complete piece, whatever it is.
func whole(der []byte) bool {
	var piece asn1.RawValue
	rest, err := asn1.Unmarshal(der, &piece)
	return err == nil && len(rest) == 0
}

// belongs says which certificate of a chain a private key belongs to, if not the first.
func belongs(private crypto.Signer, chain []*x509.Certificate) error {
	for i, cert := range chain {
		public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		switch {
		case !ok || !public.Equal(private.Public()):
			continue
		case i == 0:
			return nil
		}
		return fmt.Errorf("the certificate of the private key stands at place %d of the part cert: it must be the first, before those that signed it", i+1)
	}
	return errors.New("the private key does not belong to the certificate: the two parts are of different pairs")
}
