package catalog

import (
	"cmp"
	"errors"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
)

// unreached judges a call that got no answer. Only the class of err is told: its
// text quotes the URL, and what a library puts into it is not ours to know.
func unreached(err error, host string) key.Verdict {
	if errors.Is(err, httpclient.ErrAddressRefused) {
		return unknown(key.Misconfigured, host+": leads to a link-local or cloud metadata address, to which no key is sent")
	}
	return unknown(key.Transient, host+": "+cmp.Or(httpclient.Cause(err), "the connection broke or what came over it is not HTTP"))
}
