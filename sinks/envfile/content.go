package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/secret"
)

// The marker makes a file livekey's: its first line starts with it. In a file of
// somebody else, the lines between begin and end are livekey's.
const (
	marker     = "# Managed by livekey."
	markerLine = marker + " Do not edit: the next delivery replaces the whole file.\n"
	blockBegin = "# BEGIN livekey: managed, do not edit up to END livekey\n"
	blockEnd   = "# END livekey\n"
)

var (
	errBlockBroken = errors.New("the lines # BEGIN livekey and # END livekey do not stand there once each, in this order: mend or remove them by hand")
	errOutside     = errors.New("is also assigned outside of livekey's block: remove that line")
)

// render is the whole file. around is what of the present file stays.
func (d dialect) render(values map[string]secret.Value, around surroundings) []byte {
	size := len(markerLine) + len(blockBegin) + len(blockEnd) + len(around.before) + len(around.after) + 1
	for name, v := range values {
		size += len(name) + 2*v.Len() + 4 // every byte escaped, quotes, equals sign, line end
	}
	out := make([]byte, 0, size) // never grows: no copy is left behind
	if around.block {
		out = append(out, around.before...)
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = append(out, blockBegin...)
	} else {
		out = append(out, markerLine...)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = d.write(out, name, values[name].Reveal())
	}
	if around.block {
		out = append(append(out, blockEnd...), around.after...)
	}
	return out
}

// surroundings are the lines of somebody else's file, kept byte by byte.
type surroundings struct {
	block         bool // write a block at all
	found         bool // the file has one
	before, after []byte
}

// surround finds the block in data. A file without one gets it at its end.
func surround(data []byte) (surroundings, error) {
	begin, end := lines(data, blockBegin), lines(data, blockEnd)
	switch {
	case len(begin) == 0 && len(end) == 0:
		return surroundings{block: true, before: data}, nil
	case len(begin) != 1 || len(end) != 1 || end[0] < begin[0]:
		return surroundings{}, errBlockBroken
	}
	return surroundings{true, true, data[:begin[0]], data[end[0]+len(blockEnd):]}, nil
}

// lines are the places at which line stands as a whole one.
func lines(data []byte, line string) []int {
	var at []int
	for from := 0; from < len(data); {
		if bytes.HasPrefix(data[from:], []byte(line)) {
			at = append(at, from)
		}
		next := indexByte(data[from:], '\n')
		if next < 0 {
			break
		}
		from += next + 1
	}
	return at
}

// values parses a whole file and returns what is livekey's in it: all of it, or
// with a block the lines inside.
func (d dialect) values(data []byte, around surroundings) (map[string]secret.Value, error) {
	all, err := d.parse(data)
	if err != nil {
		return nil, err
	}
	first, last := 0, len(data)
	if around.block {
		first = 1 + bytes.Count(around.before, []byte("\n"))
		last = bytes.Count(data[:len(data)-len(around.after)], []byte("\n"))
	}
	inside := map[string]secret.Value{}
	for _, a := range all {
		if !around.block || around.found && first <= a.line && a.line <= last {
			inside[a.name] = a.value
		}
	}
	return inside, nil
}

// clashes names variables that somebody else's lines assign too.
func (d dialect) clashes(around surroundings, values map[string]secret.Value) error {
	if !around.block {
		return nil
	}
	var faults []error
	for _, part := range [][]byte{around.before, around.after} {
		all, err := d.parse(part)
		if err != nil {
			return fmt.Errorf("outside of livekey's block: %w", err)
		}
		for _, a := range all {
			if _, ours := values[a.name]; ours {
				faults = append(faults, fmt.Errorf("%s %w", a.name, errOutside))
			}
		}
	}
	return errors.Join(faults...)
}
