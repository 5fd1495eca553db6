package holders

import (
	"bytes"

	"github.com/livekey/livekey/internal/secret"
)

// What stands around values in env files, JSON, YAML, ini files and command lines.
const (
	quotes     = "\"'`"
	blanks     = " \t\r\n"
	delimiters = quotes + blanks + "=,:;@[]{}()<>|&"
)

// candidates calls f with everything in a file that can be a value: the whole of it, what
// is assigned in a line, what stands between quotes, and what stands between delimiters;
// with the name that stands before it in the line, if there is one. The same bytes can
// come several times. None of it is kept.
func candidates(text []byte, f func(name, value []byte)) {
	plausible := func(name, value []byte) {
		if len(value) >= secret.MinMatch && len(value) <= secret.MaxMatch {
			f(name, value)
		}
	}
	plausible(nil, text)
	plausible(nil, bytes.Trim(text, blanks))
	for line := range bytes.Lines(text) {
		if i := bytes.IndexAny(line, "=:"); i >= 0 {
			name := lastWord(line[:i])
			rest := bytes.Trim(line[i+1:], blanks+",;")
			plausible(name, rest)
			plausible(name, bytes.Trim(rest, quotes))
		}
		split(line, quotes, plausible)
		split(line, delimiters, plausible)
	}
}

// split calls f with what stands between the delimiters of a line, and with the last word
// before the nearest = or : before it.
func split(line []byte, delimiters string, f func(name, value []byte)) {
	var name, last []byte // last is the piece before, which an assignment may be made to
	for len(line) > 0 {
		i := bytes.IndexAny(line, delimiters)
		if i < 0 {
			f(name, line)
			return
		}
		piece := line[:i]
		f(name, piece)
		switch assigned := bytes.Trim(line[:i+1], blanks+quotes); {
		case len(assigned) > 0 && (assigned[len(assigned)-1] == '=' || assigned[len(assigned)-1] == ':'):
			if name = lastWord(assigned[:len(assigned)-1]); len(name) == 0 {
				name = lastWord(last)
			}
		case len(bytes.Trim(piece, blanks)) > 0:
			last = piece
		}
		line = line[i+1:]
	}
}

// lastWord is the name in "export NAME", `"name"` or "  name": nil if there is none.
func lastWord(b []byte) []byte {
	b = bytes.TrimRight(b, blanks+quotes)
	start := len(b)
	for start > 0 && (isWord(rune(b[start-1])) && b[start-1] != '+') {
		start--
	}
	if start == len(b) {
		return nil
	}
	return b[start:]
}
