package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is a hint that names the nearest of the words that the file could
// have meant, the first of those equally near, or "" if none is near. The word asked for
// is not quoted.
func didYouMean(word string, known []string) string {
	if best := nearest(word, known); best != "" && showable(best) {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// suggestions caps the names that are looked through.
const suggestions = 4000

func nearest(word string, known []string) string {
	if word == "" || len(word) > 128 {
		return ""
	}
	word = strings.ToLower(word)
	best, limit := "", len(word)/3+1 // too far: one or two letters may differ in case only
	for i, k := range known {
		if i == suggestions || limit == 0 {
			break
		}
		if abs(len(k)-len(word)) >= limit || limit == 1 && !strings.EqualFold(k, word) {
			continue
		}
		if d := distance(word, strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
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

func abs(n int) int { return max(n, -n) }

// list writes words as a person would: "a, b or c".
func list(words []string) string {
	words = slices.Sorted(slices.Values(words))
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}
