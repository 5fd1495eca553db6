package evidence

import (
	"fmt"
	"time"
)

// Span is how long something took, in its two largest units: "4m 3s", "1h 4m", "2d 3h".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, u := range []struct {
		big, small time.Duration
		text       string
	}{{day, time.Hour, "%dd %dh"}, {time.Hour, time.Minute, "%dh %dm"}, {time.Minute, time.Second, "%dm %ds"}} {
		if d >= u.big {
			return fmt.Sprintf(u.text, d/u.big, d%u.big/u.small)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
