package catalog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// unreached judges a call that got no answer. Only the class of err is told: its
// text quotes the URL, and what a library puts into it is not ours to know.
func unreached(err error, host string) key.Verdict {
	if errors.Is(err, httpclient.ErrAddressRefused) {
		return unknown(key.Misconfigured, host+": leads to a link-local or cloud metadata address, to which no key is sent")
	}
	return unknown(key.Transient, host+": "+cause(err))
}

func cause(err error) string {
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
	return "the connection broke or what came over it is not HTTP"
}
