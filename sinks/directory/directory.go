// Package directory is the sink directory: one file per variable, of which all
// change at once. Its layout is that of a Kubernetes volume, see
// [atomicfile.Current].
package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

// Marker is the file that makes a directory livekey's.
const (
	Marker     = ".livekey"
	markerText = "Managed by livekey: do not edit. One file per variable; ..data is what they all lead through.\n"
)

// readerGrace is how long the generation before stays, so that a reader who
// opened its directory finishes in it. It costs Write this long, after consumers
// see the new files already. Longer would leave old values lying about.
const readerGrace = 200 * time.Millisecond

type settings struct {
	place.Settings `yaml:",inline"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

// Sink is one directory. It is a sinks.Sink, Reader, Carrier, Placer and Lodger.
type Sink struct {
	settings

	env sinks.Env
}

// FromConfig makes the sink of one entry under sinks:. It does no I/O.
func FromConfig(env sinks.Env, n config.Node) (sinks.Sink, error) {
	s := &Sink{env: env}
	if err := n.Decode(&s.settings); err != nil {
		return nil, err
	}
	return s, s.Check(n)
}

// Carries says why v cannot be a file. Its bytes may be anything.
func (s *Sink) Carries(variable string, v secret.Value) error {
	switch {
	case !place.Variable(variable):
		return fmt.Errorf("%s in a directory: is no legal name of an environment variable", variable)
	case v.Len() == 0:
		return fmt.Errorf("%s in a directory: the value is empty", variable)
	}
	return nil
}

// Folder is where files are made.
func (s *Sink) Folder() string { return s.Location }

// present is what is at the path now.
type present struct {
	generation atomicfile.Generation
	names      []string // every name in the directory but livekey's temporary ones
	marked     bool
	values     map[string]secret.Value // as consumers see them
	plain      map[string]atomicfile.File
	broken     error // why the current generation cannot be read
}

// look reads what consumers see: a name's link leads into the generation that
// was opened once; a regular file in a link's place speaks for itself.
func (s *Sink) look(d *atomicfile.Dir) (present, error) {
	p := present{values: map[string]secret.Value{}, plain: map[string]atomicfile.File{}}
	var err error
	if p.names, err = d.Names(); err != nil {
		return p, err
	}
	p.marked = slices.Contains(p.names, Marker)
	if p.generation, err = d.Generation(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.broken = err
	}
	for _, name := range p.names {
		if !place.Variable(name) {
			continue
		}
		linked, err := d.Linked(name)
		if err != nil {
			return p, err
		}
		if file, in := p.generation.Files[name]; in && linked {
			p.values[name] = secret.New(slices.Clone(file.Data))
			continue
		}
		file, err := d.Read(name)
		switch {
		case errors.Is(err, atomicfile.ErrNotRegular) || errors.Is(err, fs.ErrNotExist):
			continue // leads elsewhere, or vanished: consumers find nothing of livekey's
		case err != nil:
			return p, err
		}
		p.plain[name] = file
		p.values[name] = secret.New(slices.Clone(file.Data))
	}
	return p, nil
}

// Read returns what consumers see.
func (s *Sink) Read(ctx context.Context) (c sinks.Content, err error) {
	if err := ctx.Err(); err != nil {
		return sinks.Content{}, err
	}
	d, _, err := s.Open(s.Location, false)
	if errors.Is(err, fs.ErrNotExist) {
		return sinks.Content{}, nil
	}
	if err != nil {
		return sinks.Content{}, err
	}
	secret.Do(func() {
		var p present
		p, err = s.look(d)
		c = sinks.Content{Exists: len(p.values) > 0, Marked: p.marked, Values: p.values}
		err = errors.Join(err, p.broken)
	})
	return c, errors.Join(err, d.Close())
}

// Probe makes the directory if it is missing, removes leftovers, and tries to
// write in it.
func (s *Sink) Probe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d, a, err := s.Open(s.Location, true)
	if err != nil {
		return err
	}
	p, err := s.look(d)
	foreign := s.own(p)
	if err == nil && foreign != nil && !s.Adopt {
		err = foreign
	}
	if err == nil && foreign == nil {
		// Only in a directory of livekey's: another one's ..data is not ours to sweep.
		err = errors.Join(d.Sweep(Marker), d.SweepGenerations(), s.sweepBackups(d, p))
	}
	if err == nil {
		err = d.Try(Marker, a)
	}
	return errors.Join(err, d.Close())
}

// sweepBackups removes what a crash left of keeping adopted files.
func (s *Sink) sweepBackups(d *atomicfile.Dir, p present) error {
	if !s.Adopt {
		return nil
	}
	var faults []error
	for _, name := range p.names {
		if place.Variable(name) {
			faults = append(faults, d.Sweep(place.Backup(name)))
		}
	}
	return errors.Join(faults...)
}

// own is nil if the directory may be written without being adopted. An empty one
// is anybody's: whoever mounts a tmpfs or makes a RuntimeDirectory leaves one.
func (s *Sink) own(p present) error {
	taken := slices.ContainsFunc(p.names, func(name string) bool { return !nobodys(name) })
	switch {
	case p.marked || !taken:
		return nil
	case len(p.values) > 0 && s.env.Known != nil && s.env.Known(p.values):
		return nil
	}
	return fmt.Errorf("%s is %w: choose an empty or new directory, or set adopt: true to take its files over", s.Location, sinks.ErrForeign)
}

// nobodys says whether name stands in directories that are empty to everybody.
func nobodys(name string) bool {
	return name == "lost+found" || strings.HasPrefix(name, atomicfile.Temporary)
}

// adoptable is nil if taking the directory over loses nothing that is in it.
func (s *Sink) adoptable(p present, delivery place.Delivery) error {
	var extra []string
	for _, name := range p.names {
		_, ours := delivery.Values[name]
		_, plain := p.plain[name]
		if !(ours && plain) && !nobodys(name) && !p.isBackup(name) {
			extra = append(extra, name)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	slices.Sort(extra)
	return fmt.Errorf("adopt %s, which is %w: it has files for which livekey has no proved key: %s: move them elsewhere",
		s.Location, sinks.ErrForeign, strings.Join(extra, ", "))
}

// isBackup says whether name is what an interrupted adoption kept of a file.
func (p present) isBackup(name string) bool {
	of, is := strings.CutSuffix(name, place.Backup(""))
	_, plain := p.plain[of]
	return is && plain
}

// bytesOf reveals a delivery for as long as it is written.
func bytesOf(delivery place.Delivery) map[string][]byte {
	files := make(map[string][]byte, len(delivery.Values))
	for _, name := range slices.Sorted(maps.Keys(delivery.Values)) {
		files[name] = delivery.Values[name].Reveal()
	}
	return files
}

var (
	_ sinks.Sink    = (*Sink)(nil)
	_ sinks.Reader  = (*Sink)(nil)
	_ sinks.Carrier = (*Sink)(nil)
	_ sinks.Placer  = (*Sink)(nil)
	_ sinks.Lodger  = (*Sink)(nil)
)
