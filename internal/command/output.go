package command

import (
	"bytes"
	"errors"
	"io"

	"github.com/livekey/livekey/internal/secret"
)

var errTooMuch = errors.New("more output than a program may print")

// output keeps what a program prints in one buffer that nobody else has: it may
// be a value. One that is outgrown is cleared.
type output struct {
	buf   []byte
	limit int    // of what may be printed
	over  bool   // there was more
	full  func() // called then
}

// ReadFrom is what package os/exec calls by way of io.Copy, which then needs no
// buffer of its own.
func (o *output) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		if len(o.buf) == cap(o.buf) {
			larger := make([]byte, len(o.buf), max(4<<10, 2*cap(o.buf)))
			copy(larger, o.buf)
			clear(o.buf)
			o.buf = larger
		}
		n, err := r.Read(o.buf[len(o.buf):cap(o.buf)])
		o.buf = o.buf[:len(o.buf)+n]
		total += int64(n)
		switch {
		case len(o.buf) > o.limit:
			o.over = true
			o.full()
			return total, errTooMuch
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.ReadFrom(bytes.NewReader(p))
	return int(n), err
}

// maxErrors is what is kept of a program's errors, in bytes: their end, where it
// says why it gave up.
const maxErrors = 8 << 10

type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-maxErrors):]...)
	if more := len(t.buf) - maxErrors; more > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[more:])]
	}
	return len(p), nil
}

// Of what was printed as errors, the last lines are told. A word of the output
// that occurs in them is taken out, if it is long enough to be of use.
const (
	lastLines = 3
	minWord   = 6
)

func (t *tail) text(output []byte) string {
	text := t.buf
	for word := range bytes.FieldsFuncSeq(output, func(r rune) bool { return r == '\n' || r == '"' }) {
		if word = bytes.TrimSpace(word); len(word) >= minWord {
			text = bytes.ReplaceAll(text, word, []byte("***"))
		}
	}
	var lines [][]byte
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	lines = lines[max(0, len(lines)-lastLines):]
	return secret.Scrub(errors.New(string(bytes.Join(lines, []byte("; "))))).Error()
}
