package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/secret"
)

// Walk asks host for its first page, without a key: what comes back tells the issuer's time,
// and who signed the certificate that is shown on the way. client is of internal/httpclient.
func Walk(ctx context.Context, client *http.Client, host string) Road {
	r := Road{Walked: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, host+"/", http.NoBody)
	if err != nil {
		r.Unreachable = secret.Scrub(err).Error()
		return r
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		r.Unreachable = secret.Scrub(err).Error()
		var refused *tls.CertificateVerificationError
		var authority x509.UnknownAuthorityError
		if errors.As(err, &refused) && errors.As(err, &authority) && len(refused.UnverifiedCertificates) > 0 {
			r.Unverified, r.CertIssuer = true, signer(refused.UnverifiedCertificates[0])
		}
		return r
	}
	_ = resp.Body.Close()
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		r.CertIssuer = signer(resp.TLS.PeerCertificates[0])
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		half := time.Since(began) / 2 // the answer was dated about in the middle, and to the second
		r.Skew = began.Add(half).Sub(date).Truncate(time.Second)
	}
	return r
}

// signer is who signed a certificate, in a word for people: anybody may have written it.
func signer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 && c.Issuer.Organization[0] != name {
		name = c.Issuer.Organization[0] + " " + name
	}
	const longest = 80
	return strings.TrimSpace(name[:min(longest, len(name))])
}
