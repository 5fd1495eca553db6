// Package suggest finds the name that somebody meant who wrote another one.
package suggest

import "strings"

// Bounds of one search: longer words and later names are nobody's slip, and a
// hostile file must not cost more.
const (
	maxWord  = 128
	maxNames = 4000
)

// Nearest is the one of known that whoever wrote word may have meant, the first
// of those equally near, or "" if none is near. A third of its letters may be
// wrong; in one or two letters only the case.
func Nearest(word string, known []string) string {
	if word == "" || len(word) > maxWord {
		return ""
	}
	lower := strings.ToLower(word)
	best, limit := "", len(word)/3+1
	for _, k := range known[:min(len(known), maxNames)] {
		if limit == 0 {
			break
		}
		if tooLong := max(len(k)-len(word), len(word)-len(k)) >= limit; tooLong {
			continue
		}
		if d := Distance(lower, strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// Distance counts the bytes to insert, delete or replace, and the neighbors to
// swap, that make b of a (optimal string alignment).
func Distance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
