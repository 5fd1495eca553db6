package holders

import (
	"bytes"

	"github.com/livekey/livekey/internal/secret"
)

// variables reads environments through one buffer. What is in it belongs to others:
// it is compared where it lies, and wiped when the next environment is read.
type variables struct{ buf []byte }

// newVariables has room for the longest variable that a program can be started with.
func newVariables() variables { return variables{make([]byte, secret.MaxMatch+16<<10)} }

// each calls f with each variable of an environment: NAME=value, without the NUL that
// ends it, valid until f returns. What is longer than the buffer is no variable of a
// program's start and left out. It returns how many bytes there were. read returns 0
// at the end.
func (v variables) each(read func([]byte) (int, error), f func([]byte)) (total int, err error) {
	var start, end, used int // the unfinished variable is buf[start:end]
	defer func() { clear(v.buf[:used]) }()
	skip := false // up to the next NUL
	for {
		if end == len(v.buf) {
			end, start = copy(v.buf, v.buf[start:end]), 0
			if end == len(v.buf) {
				skip, end = true, 0
			}
		}
		var n int
		if n, err = read(v.buf[end:]); n <= 0 || err != nil {
			break
		}
		next := end
		end += n
		total += n
		used = max(used, end)
		for {
			i := bytes.IndexByte(v.buf[next:end], 0)
			if i < 0 {
				break
			}
			if !skip {
				f(v.buf[start : next+i])
			}
			skip, next = false, next+i+1
			start = next
		}
		if skip {
			start, end = 0, 0
		}
	}
	if start < end && err == nil { // a program may write over its own environment
		f(v.buf[start:end])
	}
	return total, err
}

// hits adds what m finds in one variable: as it is, and without the quotes and blanks
// that some who start programs leave around a value.
func hits(to []hit, m *secret.Matcher, variable []byte) []hit {
	if len(to) >= maxHits {
		return to
	}
	name, value, ok := bytes.Cut(variable, []byte{'='})
	if !ok {
		name, value = nil, variable
	}
	mark, ok := m.Match(value)
	if bare := bytes.Trim(value, "\"' \t\r\n"); !ok && len(bare) < len(value) {
		mark, ok = m.Match(bare)
	}
	if !ok {
		return to
	}
	return append(to, hit{mark, VariableOf(name)})
}
