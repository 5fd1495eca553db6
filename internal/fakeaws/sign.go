package fakeaws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	amzDate   = "20060102T150405Z"
	maxSkew   = 5 * time.Minute
)

// authorization is a signature's header, taken apart.
type authorization struct {
	accessKey, date, region, service string
	headers                          []string // signed ones
}

// readAuthorization reads AWS4-HMAC-SHA256 Credential=id/date/region/service/aws4_request, SignedHeaders=a;b, Signature=….
func readAuthorization(header string) (a authorization, ok bool) {
	fields, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a, false
	}
	said := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		said[name] = value
	}
	scope := strings.Split(said["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || said["Signature"] == "" {
		return a, false
	}
	return authorization{scope[0], scope[1], scope[2], scope[3], strings.Split(said["SignedHeaders"], ";")}, true
}

// AccessKey is the id that a request is signed with, "" if there is none.
func AccessKey(r *http.Request) string {
	a, _ := readAuthorization(r.Header.Get("Authorization"))
	return a.accessKey
}

// authenticate finds who signed r by signing it again, as AWS does. It answers in
// the codes of STS; the caller holds mu.
func (s *Server) authenticate(r *http.Request, body []byte, service string) (*caller, *problem) {
	a, ok := readAuthorization(r.Header.Get("Authorization"))
	switch {
	case r.Header.Get("Authorization") == "":
		return nil, fail("MissingAuthenticationToken", "Request is missing Authentication Token")
	case !ok:
		return nil, fail("IncompleteSignature", "Authorization header requires 'Credential' parameter.")
	case !slices.Contains(a.headers, "host"):
		return nil, fail("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	c := s.callers[a.accessKey]
	token := r.Header.Get("X-Amz-Security-Token")
	if c == nil || c.inactive || token != c.pair.SessionToken {
		return nil, fail("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	at, err := time.Parse(amzDate, r.Header.Get("X-Amz-Date"))
	now := time.Now().Add(s.ahead)
	switch {
	case err != nil || at.Format("20060102") != a.date:
		return nil, fail("IncompleteSignature", "Date must be in ISO-8601 'basic format'.")
	case at.Before(now.Add(-maxSkew)):
		return nil, fail("SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			at.Format(amzDate), now.Add(-maxSkew).UTC().Format(amzDate), now.UTC().Format(amzDate))
	case at.After(now.Add(maxSkew)):
		return nil, fail("SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			at.Format(amzDate), now.Add(maxSkew).UTC().Format(amzDate), now.UTC().Format(amzDate))
	case a.service != service || a.region != s.region:
		return nil, fail("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
	case !signedBy(c, r, body, a, at):
		return nil, fail("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	case !c.expires.IsZero() && now.After(c.expires):
		return nil, fail("ExpiredToken", "The security token included in the request is expired")
	}
	return c, nil
}

func signedBy(c *caller, r *http.Request, body []byte, a authorization, at time.Time) bool {
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body)) //nolint:gosec // it is signed again, and sent to nobody
	if err != nil {
		return false
	}
	again.ContentLength = 0
	for _, name := range a.headers {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: c.pair.AccessKey, SecretAccessKey: c.pair.SecretKey, SessionToken: c.pair.SessionToken}
	err = v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(sum[:]), a.service, a.region, at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}
