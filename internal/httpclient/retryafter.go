package httpclient

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is how long livekey keeps away at most because somebody, or
// whoever answers for him, asks for it.
const MaxRetryAfter = 15 * time.Minute

// RetryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
// What cannot be read, and what is over already, is 0.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(MaxRetryAfter, max(0, at.Sub(now)))
}
