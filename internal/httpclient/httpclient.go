// Package httpclient makes the only http.Clients that livekey has: no redirect is
// followed, no proxy or TLS setting comes from the environment unless asked for,
// dials to link-local and metadata addresses are refused after DNS, and every
// step has a budget.
package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/livekey/livekey/internal/trusted"
)

// Budgets of one call. A body is bounded by whoever reads it, with ReadAll.
const (
	Timeout       = 15 * time.Second // the whole call, body included
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	headerTimeout = 10 * time.Second
	maxHeader     = 32 << 10
	idleTimeout   = 10 * time.Second // calls that belong together are closer
	polledTimeout = 90 * time.Second // longer than most intervals of polling
	idleConns     = 2
)

// Options differ by what is called; the zero Options is a provider of the
// catalog: public roots, a few connections.
type Options struct {
	CAFile     string // PEM roots instead of the system's, which nobody but root and the caller may write
	CAData     []byte // PEM roots too, where they come from no file of their own
	ServerName string // expected in the certificate, where it is not the host's
	// ProxyEnv honors HTTPS_PROXY and NO_PROXY. The proxy then does the last
	// look-up, so only its own address is checked here.
	ProxyEnv bool
	// MaxConns bounds the connections to one host, which is polled: all stay open for the
	// next call. 0: 10, of which idleConns do for a moment, since providers are asked now
	// and then and seldom together.
	MaxConns int
	Timeout  time.Duration // of the whole call, 0: Timeout
	// ClientCertFile and ClientKeyFile, PEM, are what a server is shown that asks
	// who calls: read again for each new connection, so that a renewed one counts.
	ClientCertFile, ClientKeyFile string
	// ClientCert is asked for that certificate instead, for each new connection.
	ClientCert func() (*tls.Certificate, error)
	// Ping is how long nothing may come on a connection of HTTP/2 before the other side is
	// asked whether it is still there: for an answer that goes on for minutes. 0: never.
	Ping time.Duration
	// Reach are metadata addresses that may be dialed all the same. They are for
	// whoever looks up livekey's own credentials there; no key goes over such a client.
	Reach []netip.Addr
}

// Factory makes clients. The zero Factory is ready.
type Factory struct {
	// Agent is the User-Agent of every request.
	Agent string
}

// Client returns a client with a connection pool of its own. Connections stay
// warm, so a call costs one round trip; as net/http does, a GET whose warm
// connection died before any byte of an answer is sent once more on a new one.
// It does no I/O but reading CAFile.
func (f *Factory) Client(o Options) (*http.Client, error) {
	tlsConf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CAFile != "" {
		pem, err := trusted.Read(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		tlsConf.RootCAs = x509.NewCertPool()
		if !tlsConf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file %s: no PEM certificate inside", o.CAFile)
		}
	}
	if len(o.CAData) > 0 {
		if tlsConf.RootCAs == nil {
			tlsConf.RootCAs = x509.NewCertPool()
		}
		if !tlsConf.RootCAs.AppendCertsFromPEM(o.CAData) {
			return nil, errors.New("read roots: no PEM certificate inside")
		}
	}
	if o.ClientCertFile != "" {
		o.ClientCert = func() (*tls.Certificate, error) { return clientCert(o.ClientCertFile, o.ClientKeyFile) }
	}
	if o.ClientCert != nil {
		tlsConf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return o.ClientCert() }
	}
	dialer := Dialer(o.Reach...)
	idle := idleTimeout
	if o.MaxConns > 0 {
		idle = polledTimeout
	}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConf,
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxConnsPerHost:        orDefault(o.MaxConns, 10),
		MaxIdleConnsPerHost:    orDefault(o.MaxConns, idleConns),
		IdleConnTimeout:        idle,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a gzip bomb needs somebody who unpacks
	}
	if o.Ping > 0 {
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: o.Ping, PingTimeout: o.Ping}
	}
	if o.ProxyEnv {
		t.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     withAgent{agent: f.agent(), next: t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       orDefault(o.Timeout, Timeout),
	}, nil
}

// Dialer returns what dials for every client, and for those who speak another protocol
// than HTTP: it refuses metadata addresses after DNS, those of reach aside.
func Dialer(reach ...netip.Addr) *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: refuseMetadata(reach)}
}

func (f *Factory) agent() string {
	if f == nil || f.Agent == "" {
		return "livekey"
	}
	return f.Agent
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

type withAgent struct {
	agent string
	next  *http.Transport
}

func (w withAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", w.agent)
	}
	return w.next.RoundTrip(r)
}

func (w withAgent) CloseIdleConnections() { w.next.CloseIdleConnections() }
