// Package envfile is the sink env_file: one file of NAME=value lines, in the
// dialect of the one reader that it is meant for, replaced as a whole.
package envfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

type settings struct {
	place.Settings `yaml:",inline"`

	Dialect dialectName `yaml:"dialect"` // systemd unless said
	Block   bool        `yaml:"block"`   // keep the lines of somebody else's file
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Sink is one env file. It is a sinks.Sink, Reader, Carrier, Placer and Lodger.
type Sink struct {
	settings

	env     sinks.Env
	dialect dialect
	dir     string
	name    string
}

// FromConfig makes the sink of one entry under sinks:. It does no I/O.
func FromConfig(env sinks.Env, n config.Node) (sinks.Sink, error) {
	s := &Sink{settings: settings{Dialect: "systemd"}, env: env}
	if err := n.Decode(&s.settings); err != nil {
		return nil, err
	}
	faults := []error{s.Check(n)}
	if s.Block && s.Adopt {
		faults = append(faults, n.Fault("block", "keeps somebody else's lines, adopt takes the whole file over: choose one"))
	}
	s.dialect, s.dir, s.name = dialects[string(s.Dialect)], filepath.Dir(s.Location), filepath.Base(s.Location)
	return s, errors.Join(faults...)
}

// Carries says why v cannot stand in the file, if it cannot.
func (s *Sink) Carries(variable string, v secret.Value) error {
	if err := s.dialect.carries(variable, v.Reveal()); err != nil {
		return fmt.Errorf("%s in a %s file: the value %w", variable, s.dialect.name, err)
	}
	return nil
}

// Folder is where files are made.
func (s *Sink) Folder() string { return s.dir }

// present is what is at the path now.
type present struct {
	exists bool
	file   atomicfile.File
	around surroundings
	marked bool
	values map[string]secret.Value
	syntax error // why values is not there
}

func (s *Sink) look(d *atomicfile.Dir) (present, error) {
	f, err := d.Read(s.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return present{around: surroundings{block: s.Block}}, nil
	case errors.Is(err, atomicfile.ErrNotRegular):
		return present{}, fmt.Errorf("%s is %w and %w: name the file itself", s.Location, err, sinks.ErrForeign)
	case err != nil:
		return present{}, err
	}
	p := present{exists: true, file: f, marked: bytes.HasPrefix(f.Data, []byte(marker))}
	if s.Block {
		p.around, p.syntax = surround(f.Data)
		p.marked = p.around.found
	}
	if p.syntax == nil {
		p.values, p.syntax = s.dialect.values(f.Data, p.around)
	}
	return p, nil
}

// Read parses the file. A file that does not follow the dialect is an error with
// a Content that says whether the file is livekey's.
func (s *Sink) Read(ctx context.Context) (c sinks.Content, err error) {
	if err := ctx.Err(); err != nil {
		return sinks.Content{}, err
	}
	d, _, err := s.Open(s.dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return sinks.Content{}, nil
	}
	if err != nil {
		return sinks.Content{}, err
	}
	secret.Do(func() {
		var p present
		p, err = s.look(d)
		defer clear(p.file.Data)
		c = sinks.Content{Exists: p.exists, Marked: p.marked, Values: p.values}
		if err == nil && p.syntax != nil {
			err = fmt.Errorf("parse %s: %w", s.Location, p.syntax)
		}
	})
	return c, errors.Join(err, d.Close())
}

// Probe makes the directory if it is missing, removes leftovers, and tries
// everything that Write does but the last step.
func (s *Sink) Probe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d, a, err := s.Open(s.dir, true)
	if err != nil {
		return err
	}
	err = errors.Join(d.Sweep(s.name), d.Sweep(place.Backup(s.name)))
	var p present
	if err == nil {
		p, err = s.look(d)
		defer clear(p.file.Data)
	}
	if err == nil && !s.Adopt {
		err = s.own(p)
	}
	if err == nil {
		a, err = s.attrOver(p, a)
	}
	if err == nil {
		err = d.Try(s.name, a)
	}
	return errors.Join(err, d.Close())
}

// own is nil if p may be replaced without being adopted.
func (s *Sink) own(p present) error {
	switch {
	case !p.exists || p.marked:
		return nil
	case s.Block && p.syntax != nil:
		return fmt.Errorf("%s: %w", s.Location, p.syntax)
	case s.Block:
		return nil
	case p.syntax == nil && len(p.values) > 0 && s.env.Known != nil && s.env.Known(p.values):
		return nil
	}
	return fmt.Errorf("%s is %w: choose another path, set adopt: true to take the file over, or block: true to keep its lines", s.Location, sinks.ErrForeign)
}

// attrOver is the Attr that a new file gets. One that keeps somebody else's lines
// keeps their owner too, and their mode unless one was said.
func (s *Sink) attrOver(p present, a atomicfile.Attr) (atomicfile.Attr, error) {
	if !s.Block || !p.exists {
		return a, nil
	}
	if a.UID < 0 {
		a.UID = p.file.Attr.UID
	}
	if a.GID < 0 {
		a.GID = p.file.Attr.GID
	}
	if s.Mode == 0 {
		a.Mode = p.file.Attr.Mode
	}
	if a.Mode&0o007 != 0 {
		return a, fmt.Errorf("%s (mode %04o) can be read by every user of the host: chmod o-rwx, or say mode", s.Location, a.Mode)
	}
	return a, nil
}

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Reader  = (*Sink)(nil)
	_ sinks.Carrier = (*Sink)(nil)
	_ sinks.Placer  = (*Sink)(nil)
	_ sinks.Lodger  = (*Sink)(nil)
)
