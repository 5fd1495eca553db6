package login

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/trusted"
	"github.com/livekey/livekey/validator"
)

// TLS is how a connection is encrypted.
type TLS string

// The ways, as a client of the application has them too. Preferred takes what the server
// offers and, as Unverified, any certificate.
const (
	Verify     TLS = "verify"
	VerifyCA   TLS = "verify-ca" // of a trusted authority, for whatever name
	Unverified TLS = "unverified"
	Preferred  TLS = "preferred"
	Off        TLS = "off"
)

// Target is where one login goes, and as whom.
type Target struct {
	Scheme         string // of the DSN, or the dialect's first
	Hosts          []Host // one at least
	User, Password string
	Database       string
	TLS            TLS
	CAFile         string
	Options        url.Values // of the DSN
	Alone          bool       // the value is a password, and With says the rest
	With           map[string]string
}

// Host is one address of a server.
type Host struct{ Name, Port string }

func (h Host) String() string { return net.JoinHostPort(h.Name, h.Port) }

// TLSConfig verifies the name and trusts the roots of t, if it has its own.
func (t Target) TLSConfig(name string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
	if t.CAFile == "" {
		return c, nil
	}
	pem, err := trusted.Read(t.CAFile)
	if err != nil {
		return nil, CAFile
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, CAFile
	}
	return c, nil
}

func (d Dialect) target(c validator.Coded) (Target, error) {
	value := c.Part(string(key.DefaultPart))
	if value == "" || strings.ContainsFunc(value, unicode.IsControl) {
		return Target{}, NotADSN
	}
	t := Target{With: c.With, Scheme: d.Schemes[0]}
	if scheme, rest, is := strings.Cut(value, "://"); is && isScheme(scheme) {
		if !d.speaks(scheme) {
			return Target{}, NotADSN
		}
		t.Scheme = scheme
		if err := d.read(rest, &t); err != nil {
			return Target{}, err
		}
		if !d.leadsTo(c.With, t.Hosts) {
			return Target{}, OtherHost
		}
	} else {
		if c.With[paramHost] == "" {
			return Target{}, NoHost
		}
		t.Alone, t.Password, t.Hosts = true, value, []Host{d.pinned(c.With)}
		t.User, t.Database = c.With[paramUser], c.With[paramDatabase]
	}
	switch {
	case t.Password == "":
		return Target{}, NoPassword
	case t.User == "" && !d.Nameless:
		return Target{}, NoUser
	}
	d.encrypt(&t)
	return t, nil
}

// encrypt decides about TLS: the config, then the DSN, then what is prudent.
func (d Dialect) encrypt(t *Target) {
	t.CAFile = t.With[paramCAFile]
	switch t.TLS = TLS(t.With[paramTLS]); {
	case t.TLS != "":
	case !t.Alone:
		t.TLS = d.Says(t)
	case httpclient.Loopback(t.Hosts[0].Name):
		t.TLS = d.Local
	default:
		t.TLS = Verify
	}
}

// read takes a DSN apart behind its scheme. What drivers forgive, as an @ in a password,
// is forgiven here too.
func (d Dialect) read(rest string, t *Target) error {
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	user, hosts := "", authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, hosts = authority[:at], authority[at+1:]
	}
	name, password, _ := strings.Cut(user, ":")
	var faults [4]error
	t.User, faults[0] = url.PathUnescape(name)
	t.Password, faults[1] = url.PathUnescape(password)
	t.Database, faults[2] = url.PathUnescape(path)
	t.Options, faults[3] = url.ParseQuery(query)
	for _, err := range faults {
		if err != nil {
			return NotADSN
		}
	}
	for text := range strings.SplitSeq(hosts, ",") {
		h, ok := d.host(text)
		if !ok {
			return NotADSN
		}
		t.Hosts = append(t.Hosts, h)
	}
	return nil
}

// host reads name, name:port, or [address]:port.
func (d Dialect) host(text string) (Host, bool) {
	h := Host{Name: text, Port: d.Port}
	if name, port, err := net.SplitHostPort(text); err == nil {
		h = Host{name, port}
	} else {
		h.Name = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	}
	return h, isHost(h.Name) && isPort(h.Port)
}

func isScheme(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r)
	})
}
