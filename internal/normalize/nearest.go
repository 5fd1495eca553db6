package normalize

import (
	"strings"

	"github.com/livekey/livekey/internal/suggest"
)

// nearest is the one of names that somebody who wrote name may have meant, or
// "". It differs in case, or by at most two slips in five letters or more: so
// little that to show it shows nothing that the config does not.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, other := range names {
		if strings.EqualFold(name, other) {
			return other
		}
		if len(name) < 5 || len(other) > len(name)+2 {
			continue
		}
		if d := suggest.Distance(name, other); d < least {
			best, least = other, d
		}
	}
	return best
}
