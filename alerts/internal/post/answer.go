package post

import (
	"fmt"
	"net/http"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/httpclient"
)

// judge turns an answer into nil, an error to try again after, or one that wraps
// alerts.ErrRefused. check is what to look at then.
func judge(status int, h http.Header, now time.Time, check string) error {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		err := fmt.Errorf("receiver is busy: status %d", status)
		if after := httpclient.RetryAfter(h.Get("Retry-After"), now); after > 0 {
			return &alerts.RetryError{After: after, Err: err}
		}
		return err
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return fmt.Errorf("receiver could not take it now: status %d", status)
	case http.StatusGone:
		return fmt.Errorf("receiver is gone (status 410), remove the channel or correct its url: %w", alerts.ErrRefused)
	}
	switch status / 100 {
	case 2:
		return nil
	case 3: // a captive portal answers like this too
		return fmt.Errorf("receiver answered with a redirect (status %d), which is not followed: correct the url", status)
	case 4:
		return fmt.Errorf("receiver refused it (status %d), check its %s: %w", status, check, alerts.ErrRefused)
	}
	return fmt.Errorf("receiver is at fault: status %d", status)
}
