// Package logwatch follows logs of consumers, line by line from now on, and says which
// lines match. A line may hold anything, a key too: it is looked at where it lies, and
// neither kept nor quoted.
//
// A log is followed by Follow, which returns when ctx ends. It calls line with each line
// that is added, without its end and cut after MaxLine bytes, which it may not keep; and
// trouble with what keeps it from reading, and with nil once that is over. Neither is
// called by two goroutines at once.
package logwatch

import (
	"bytes"
	"regexp"
)

// MaxLine is what is looked at of a line, in bytes.
const MaxLine = 8 << 10

// Pattern says which lines count. The zero Pattern matches none.
type Pattern struct {
	literal []byte
	re      *regexp.Regexp
}

// Literal matches lines with text in them.
func Literal(text string) Pattern { return Pattern{literal: []byte(text)} }

// Regexp matches lines in which RE2 finds expr.
func Regexp(expr string) (Pattern, error) {
	re, err := regexp.Compile(expr)
	return Pattern{re: re}, err
}

// Match says whether line counts.
func (p Pattern) Match(line []byte) bool {
	if p.re != nil {
		return p.re.Match(line)
	}
	return len(p.literal) > 0 && bytes.Contains(line, p.literal)
}

// lines makes lines of what is written to it.
type lines struct {
	each func([]byte)
	buf  []byte
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		l.buf = append(l.buf, part[:min(len(part), MaxLine-len(l.buf))]...)
		if ended {
			l.end()
		}
		p = rest
	}
	return n, nil
}

// end hands over the line that was begun, and wipes it.
func (l *lines) end() {
	line := l.buf
	if len(line) < MaxLine {
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	l.each(line)
	clear(l.buf)
	l.buf = l.buf[:0]
}

// drop forgets a line that was begun and will not be ended.
func (l *lines) drop() {
	clear(l.buf)
	l.buf = l.buf[:0]
}
