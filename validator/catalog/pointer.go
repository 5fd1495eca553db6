package catalog

import (
	"strconv"
	"strings"
)

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// lookup is all that a JSON pointer (RFC 6901) leads to. Beyond the RFC, a step
// * goes into every element of a list. null is nothing.
func lookup(v any, pointer string) []any {
	at := []any{v}
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		var next []any
		for _, v := range at {
			next = append(next, inside(v, unescape.Replace(step))...)
		}
		at = next
	}
	return at
}

// inside is what one step of a pointer leads to.
func inside(v any, step string) []any {
	var found []any
	switch v := v.(type) {
	case map[string]any:
		found = []any{v[step]}
	case []any:
		if step == "*" {
			found = v
		} else if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
			found = v[i : i+1]
		}
	}
	all := make([]any, 0, len(found))
	for _, v := range found {
		if v != nil {
			all = append(all, v)
		}
	}
	return all
}
