package awssm

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
)

// maxAnswer is what a batch of twenty secrets of 64 KiB can take, each byte
// written as \u00xx.
const maxAnswer = 8 << 20

// bounded is a client of internal/httpclient as the SDK takes one. The SDK reads a
// body to its end, however long that is.
type bounded struct{ http *http.Client }

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	resp, err := b.http.Do(r) //nolint:gosec // the host is the config's, or has passed chainClient
	if err == nil {
		resp.Body = &limited{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, httpclient.ErrTooLarge
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// The services on link-local addresses that hand out credentials: EC2's metadata,
// ECS's and EKS's agents.
var credentialServices = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("169.254.170.2"),
	netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
}

// metadataTimeout is for services that are on this machine, or not there at all.
const metadataTimeout = 2 * time.Second

// awsHosts are the suffixes of the names that AWS's partitions use for STS, sign-in
// and identity center.
var awsHosts = []string{
	".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".aws.amazon.com", ".amazonaws.cn",
	".c2s.ic.gov", ".sc2s.sgov.gov", ".csp.hci.ic.gov", ".cloud.adc-e.uk",
}

// chainClient carries the requests of the credential chain, and only those. It is
// apart from the client that reads secrets, because these may go to metadata
// addresses, which nothing else may dial. Such an address is dialed only if the request
// names it as a literal: a name that leads there is refused as everywhere.
//
// Elsewhere the chain may ask AWS, this machine, and the sts_endpoint of the config. The
// SDK would also follow AWS_ENDPOINT_URL, an endpoint_url of a profile, or the like to
// any host with livekey's own credentials.
type chainClient struct {
	metadata, others bounded
	sts              string // host[:port] of sts_endpoint
}

func newChainClient(f *httpclient.Factory, s *settings) (*chainClient, error) {
	metadata, err := f.Client(httpclient.Options{Timeout: metadataTimeout, Reach: credentialServices})
	if err != nil {
		return nil, err
	}
	others, err := f.Client(httpclient.Options{CAFile: s.CAFile, Timeout: s.Timeout + time.Second})
	if err != nil {
		return nil, err
	}
	c := &chainClient{metadata: bounded{metadata}, others: bounded{others}}
	if u, err := url.Parse(s.STSEndpoint); err == nil {
		c.sts = u.Host
	}
	return c, nil
}

// Do refuses with errHost what is for another host.
func (c *chainClient) Do(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	if a, err := netip.ParseAddr(host); err == nil && slices.Contains(credentialServices, a) {
		return c.metadata.Do(r)
	}
	https := r.URL.Scheme == "https"
	ours := c.sts != "" && r.URL.Host == c.sts
	if httpclient.Loopback(host) || ours || https && slices.ContainsFunc(awsHosts, func(s string) bool { return strings.HasSuffix(host, s) }) {
		return c.others.Do(r)
	}
	return nil, errHost(host)
}

func (c *chainClient) closeIdle() {
	c.metadata.http.CloseIdleConnections()
	c.others.http.CloseIdleConnections()
}

// errHost says that the chain was led to a host that is not AWS's.
type errHost string

func (e errHost) Error() string {
	return fmt.Sprintf("the environment or the AWS profile leads to %q, which is not a host of AWS: livekey sends its credentials "+
		"there only if the config says so (sts_endpoint); see AWS_ENDPOINT_URL, endpoint_url and AWS_CONTAINER_CREDENTIALS_FULL_URI", string(e))
}
