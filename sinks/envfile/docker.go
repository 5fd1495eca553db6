package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
)

// docker reads NAME=value with no quotes and no escapes: every byte after the
// equals sign is the value (docker/cli, pkg/kvfile). Its bufio.Scanner holds
// 64 KiB, takes a carriage return before the line's end away, and cannot know a
// line feed inside a value from the end of the line.
const scannerLine = 64<<10 - 1 // with its line feed it must fit the scanner

func dockerCarries(variable string, value []byte) error {
	if err := environmentCarries(variable, value); err != nil {
		return err
	}
	switch {
	case indexByte(value, '\n') >= 0:
		return fmt.Errorf("has a line feed at byte %d, which docker's env files cannot hold: use a directory sink", indexByte(value, '\n'))
	case indexByte(value, '\r') >= 0:
		return fmt.Errorf("has a carriage return at byte %d, which docker takes away at the end of a line: use a directory sink", indexByte(value, '\r'))
	case len(variable)+1+len(value) > scannerLine:
		return errors.New("makes a line over 64 KiB, which docker refuses to read: use a directory sink")
	}
	return nil
}

func dockerWrite(to []byte, variable string, value []byte) []byte {
	return slices.Concat(to, []byte(variable), []byte("="), value, []byte("\n"))
}

func dockerParse(data []byte) ([]assignment, error) {
	var all []assignment
	seen := map[string]int{}
	for n, rest := 1, data; len(rest) > 0; n++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		fail := func(reason string) error { return &SyntaxError{"docker", n, reason} }
		switch {
		case !utf8.Valid(line):
			return nil, fail("it is not UTF-8")
		case indexByte(line, 0) >= 0:
			return nil, fail("it has a NUL")
		case indexByte(line, '\r') >= 0:
			return nil, fail("it has a carriage return")
		case len(line) > scannerLine:
			return nil, fail("it is over 64 KiB")
		}
		if text := bytes.TrimLeftFunc(line, unicode.IsSpace); len(text) == 0 || text[0] == '#' {
			continue
		}
		name, value, reason := takeName(line)
		if reason == "" {
			reason = once(seen, name, n)
		}
		if reason != "" {
			return nil, fail(reason)
		}
		all = append(all, assignment{name, secret.New(bytes.Clone(value)), n})
	}
	return all, nil
}
