package httpclient

import (
	"crypto/tls"
	"fmt"

	"github.com/livekey/livekey/internal/trusted"
)

// maxPEM is what a certificate with its chain, or its key, may have.
const maxPEM = 1 << 20

// ClientCertError says that the certificate, with which livekey shows who it is,
// could not be taken from its files. It quotes neither.
type ClientCertError struct {
	CertFile, KeyFile string
	cause             error // of reading a file; nil: what is in them does not fit
}

func (e *ClientCertError) Error() string {
	if e.cause != nil {
		return "read client certificate: " + e.cause.Error()
	}
	return fmt.Sprintf("read client certificate: %s and %s are no PEM certificate and the PEM key that belongs to it", e.CertFile, e.KeyFile)
}

func (e *ClientCertError) Unwrap() error { return e.cause }

// clientCert reads a certificate and its key. Of the key's text it keeps nothing.
func clientCert(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := trusted.ReadCredential(certFile, maxPEM)
	if err != nil {
		return nil, &ClientCertError{certFile, keyFile, err}
	}
	key, err := trusted.ReadCredential(keyFile, maxPEM)
	if err != nil {
		return nil, &ClientCertError{certFile, keyFile, err}
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil { // its text is about the files' content
		return nil, &ClientCertError{certFile, keyFile, nil}
	}
	return &pair, nil
}
