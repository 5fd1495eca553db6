package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// hostLabel is one of the words between the dots of a host's name.
var hostLabel = newWord("[A-Za-z0-9]", "[A-Za-z0-9-]", 63)

// isHostName says whether host is a plain ASCII name.
func isHostName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if !hostLabel.MatchString(label) || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return len(host) <= 253
}

// ParseBaseURL reads an address to which a value is sent: https to a plain host,
// or http to this machine. Its error says what is wrong without quoting it.
func ParseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.ContainsAny(text, `\`+" ") {
		return nil, errors.New("not a URL such as https://api.example.com")
	}
	host := u.Hostname()
	ip, ipErr := netip.ParseAddr(host)
	switch {
	case u.User != nil:
		return nil, errors.New("a URL with a user or password in it; the key is the only credential of a live call")
	case strings.Contains(text, "#"):
		return nil, errors.New("a URL with a fragment, which is never sent")
	case strings.Contains(text, "?"):
		return nil, errors.New("a URL with a query; parameters belong under with")
	case host == "" || ipErr != nil && !isHostName(host):
		return nil, errors.New("a URL without a plain ASCII host")
	case ipErr == nil && (ip.Unmap().IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != ""):
		return nil, errors.New("a link-local, multicast or unspecified address, which no issuer has")
	case u.Scheme == "http" && !httpclient.Loopback(host):
		return nil, errors.New("unencrypted, and the host is not this machine; write https://")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("a URL that is not https")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("a URL with a port that is none")
		}
	}
	return u, nil
}

// baseURL checks a key's own address of the issuer, and the pace at which it is asked.
func (b *builder) baseURL(k Key) {
	if looksSecret(k.BaseURL) { // said by vet
		return
	}
	if _, err := ParseBaseURL(k.BaseURL); err != nil {
		b.add(k.Node.fault("base_url", err.Error(), ""))
		return
	}
	b.take(b.cfg.pace(k, []string{k.BaseURL}))
}

// politest is the shortest interval at which a host other than this machine is asked.
const politest = 10 * time.Second

// CheckHosts holds every key to the pace that its hosts can expect. hosts are the
// "scheme://host[:port]" that will see the key, as its provider tells them; a key with a base_url
// has been checked by Load.
func (c *Config) CheckHosts(hosts map[key.Name][]string) error {
	var all []error
	for name, urls := range hosts {
		if k, ok := c.Keys[name]; ok && k.BaseURL == "" {
			all = append(all, c.pace(k, urls))
		}
	}
	return Join(all...)
}

// pace refuses probe and confirm below ten seconds unless all hosts are loopback.
func (c *Config) pace(k Key, hosts []string) error {
	far := false
	for _, text := range hosts {
		u, err := url.Parse(text)
		far = far || err != nil || !httpclient.Loopback(u.Hostname())
	}
	if !far {
		return nil
	}
	var all []error
	const message, hint = "below 10s, against a host that is not this machine", "write 10s or more, or use a test server on 127.0.0.1"
	if k.Policy.Probe < politest {
		all = append(all, c.saidBy(k, "probe").fault("", message, hint))
	}
	if k.Policy.ConfirmOver < politest {
		all = append(all, c.saidBy(k, "confirm").fault("over", message, hint))
	}
	return errors.Join(all...)
}

// saidBy is the field of the policy that holds for a key: its own, else everybody's.
func (c *Config) saidBy(k Key, field string) Node {
	own, _ := k.Node.field("policy")
	for _, n := range append([]Node{own}, c.policies...) {
		if at, said := n.field(field); said {
			return at
		}
	}
	return k.Node
}
