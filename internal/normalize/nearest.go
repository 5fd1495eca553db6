package normalize

import "strings"

// nearest is the one of names that somebody who wrote name may have meant, or
// "". It differs in case, or in at most two letters of at least five: so little
// that to show it shows nothing that the config does not.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, other := range names {
		if strings.EqualFold(name, other) {
			return other
		}
		if len(name) < 5 || len(other) > len(name)+2 {
			continue
		}
		if d := distance(name, other); d < least {
			best, least = other, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or replace between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
