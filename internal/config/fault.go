package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a config, and where. It never carries a
// value of the file: the names of fields and entries only.
type Fault struct {
	File    string
	Line    int // from 1; 0: the file as a whole
	Column  int // from 1, in characters
	Path    string
	Message string
	Hint    string // what to write instead; may be empty

	doc *document // for the line itself
}

// Error is the place, what is wrong, and below it the line with every value masked.
func (f Fault) Error() string {
	var b strings.Builder
	for _, lead := range []string{f.place(), f.Path} {
		if lead != "" {
			b.WriteString(lead + ": ")
		}
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	if line, caret, ok := f.doc.excerpt(f.Line, f.Column); ok {
		fmt.Fprintf(&b, "\n    %s\n    %s^", line, strings.Repeat(" ", caret))
	}
	return b.String()
}

func (f Fault) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Faults is everything that is wrong, in the order of files and lines.
type Faults []Fault

// Error prints every fault.
func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "\n")
}

// Join makes one error of what several checks returned: all faults in errs,
// however wrapped, become one Faults, sorted and each once; errors that are no
// faults follow. It returns nil if there is nothing.
func Join(errs ...error) error {
	var c collector
	var rest []error
	for _, err := range errs {
		rest = append(rest, c.take(err)...)
	}
	if len(rest) == 0 {
		return c.err()
	}
	return errors.Join(append([]error{c.err()}, rest...)...)
}

// maxFaults ends the collecting: nobody reads more, and a hostile file must not
// cost more.
const maxFaults = 1000

// collector gathers faults.
type collector struct {
	list []Fault
	seen map[Fault]bool
}

func (c *collector) add(f Fault) {
	// A second look at the same place, through an alias or by another check,
	// says nothing new.
	if len(c.list) >= maxFaults || c.seen[f] {
		return
	}
	if c.seen == nil {
		c.seen = make(map[Fault]bool)
	}
	c.seen[f] = true
	c.list = append(c.list, f)
}

// take adds the faults inside err and returns what is none.
func (c *collector) take(err error) []error {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself
	case nil:
		return nil
	case Fault:
		c.add(e)
		return nil
	case Faults:
		for _, f := range e {
			c.add(f)
		}
		return nil
	case interface{ Unwrap() []error }:
		var rest []error
		for _, inner := range e.Unwrap() {
			rest = append(rest, c.take(inner)...)
		}
		return rest
	}
	if fs, ok := errors.AsType[Faults](err); ok {
		return c.take(fs)
	}
	if f, ok := errors.AsType[Fault](err); ok {
		return c.take(f)
	}
	return []error{err}
}

// err is the sorted Faults, or nil.
func (c *collector) err() error {
	if len(c.list) == 0 {
		return nil
	}
	list := slices.Clone(c.list)
	slices.SortStableFunc(list, func(a, b Fault) int {
		// Drop-ins are read after the main file, in the order of their names.
		return cmp.Or(cmp.Compare(a.doc.rank(), b.doc.rank()), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return Faults(list)
}
