package catalog

import (
	"cmp"
	"errors"
	"net"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// unreached judges a call that got no answer. Only the class of err is told: its
// text quotes the URL, and what a library puts into it is not ours to know. A host
// that the config or the key names, and not the file alone, may be one that never was.
func unreached(err error, host string, named bool) key.Verdict {
	var dns *net.DNSError
	switch {
	case errors.Is(err, httpclient.ErrAddressRefused):
		return unknown(key.Misconfigured, host+": leads to a link-local or cloud metadata address, to which no key is sent")
	case named && errors.As(err, &dns) && dns.IsNotFound:
		return unknown(key.Misconfigured, host+": "+httpclient.Cause(err)+"; are base_url, with: and the key right?")
	}
	return unknown(key.Transient, host+": "+cmp.Or(httpclient.Cause(err), "the connection broke or what came over it is not HTTP"))
}
