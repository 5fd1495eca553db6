package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/suggest"
)

// didYouMean is a hint that names the nearest of the words that the file could
// have meant, or "" if none is near. The word asked for is not quoted.
func didYouMean(word string, known []string) string {
	if best := suggest.Nearest(word, known); best != "" && showable(best) {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// choice is a hint that names the nearest of the words, or else all of them that may
// be printed: names of entries are among them.
func choice(word string, known []string) string {
	known = slices.DeleteFunc(slices.Clone(known), func(name string) bool { return !showable(name) })
	if hint := didYouMean(word, known); hint != "" || len(known) == 0 {
		return hint
	}
	return "one of " + list(known)
}

// list writes words as a person would, each once and sorted: "a, b or c".
func list(words []string) string {
	words = slices.Compact(slices.Sorted(slices.Values(words)))
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}
