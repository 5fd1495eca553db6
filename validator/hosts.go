package validator

import (
	"context"
	"net/url"
	"sync"

	"golang.org/x/time/rate"

	"github.com/livekey/livekey/internal/httpclient"
)

// No issuer sees more than this many probes a second, with a burst on top: fifty
// keys at one host are all asked within two seconds of a start.
const (
	perSecond = 25
	burst     = 25
)

// hosts holds back what goes to one host, and only that.
type hosts struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

// wait returns when host may be asked, or an error if ctx would end before.
func (h *hosts) wait(ctx context.Context, host string) error {
	if u, err := url.Parse(host); err == nil && httpclient.Loopback(u.Hostname()) {
		return nil // nobody to be polite to
	}
	h.mu.Lock()
	l := h.limiters[host]
	if l == nil {
		if h.limiters == nil {
			h.limiters = map[string]*rate.Limiter{}
		}
		l = rate.NewLimiter(perSecond, burst)
		h.limiters[host] = l
	}
	h.mu.Unlock()
	return l.Wait(ctx)
}
