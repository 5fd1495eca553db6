package config

import (
	"fmt"
	"regexp"
)

// word is the form of a name: the class of its first character, that of the others, and how
// many there may be at most. A count inside of an expression is compiled into as many
// copies, at every start.
type word struct {
	first, rest string
	longest     int
	form        *regexp.Regexp
}

func newWord(first, rest string, longest int) word {
	return word{first, rest, longest, regexp.MustCompile("^" + first + rest + "*$")}
}

// MatchString says whether s has the form.
func (w word) MatchString(s string) bool { return len(s) <= w.longest && w.form.MatchString(s) }

// String is the form as one expression.
func (w word) String() string { return fmt.Sprintf("^%s%s{0,%d}$", w.first, w.rest, w.longest-1) }
