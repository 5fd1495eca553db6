package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// Cause tells in a few words why a far end gave no answer, or "" where err is of no
// known class. Only the class is told: the text of err may quote what was sent.
func Cause(err error) string {
	var dns *net.DNSError
	var netErr net.Error
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert x509.CertificateInvalidError
	switch {
	case errors.Is(err, context.Canceled):
		return "livekey stopped waiting"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "dns: this name does not exist"
	case errors.As(err, &dns):
		return "dns: the name could not be looked up"
	case errors.As(err, &authority):
		return "tls: its certificate is signed by nobody this machine trusts (a proxy that opens TLS, or missing roots)"
	case errors.As(err, &name):
		return "tls: its certificate is for another name"
	case errors.As(err, &cert):
		return "tls: its certificate is not valid (expired, or the clock of this machine is wrong)"
	case errors.As(err, &alert), errors.As(err, &record):
		return "tls: the handshake did not succeed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "no answer in time"
	}
	return ""
}
