package envfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

// Write replaces the file, or the block in it, unless it is already as it should
// be. Its error is nil whenever the new content is in place.
func (s *Sink) Write(ctx context.Context, entries []sinks.Entry) (changed bool, err error) {
	return place.Write(ctx, s.env.Name, entries, s.Carries, s.deliver)
}

func (s *Sink) deliver(delivery place.Delivery) (changed bool, err error) {
	d, a, err := s.Open(s.dir, true)
	if err != nil {
		return false, err
	}
	defer func() { _ = d.Close() }() // nothing was written through it
	p, err := s.look(d)
	if err != nil {
		return false, err
	}
	defer clear(p.file.Data)
	foreign := s.own(p)
	if foreign != nil {
		if !s.Adopt {
			return false, foreign
		}
		if err := s.adoptable(p, delivery); err != nil {
			return false, err
		}
	}
	if p.syntax != nil && s.Block {
		return false, fmt.Errorf("%s: %w", s.Location, p.syntax)
	}
	if err := s.dialect.clashes(p.around, delivery.Values); err != nil {
		return false, fmt.Errorf("%s: %w", s.Location, err)
	}
	if a, err = s.attrOver(p, a); err != nil {
		return false, err
	}
	want := s.dialect.render(delivery.Values, p.around)
	defer clear(want)
	if !p.exists || !bytes.Equal(p.file.Data, want) || !a.Has(p.file.Attr) {
		if foreign != nil { // the old content first: from here on it is safe beside the new
			if err := d.Write(place.Backup(s.name), p.file.Data, atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}, nil); err != nil {
				return false, err
			}
		}
		if err := s.replace(d, want, a, delivery); err != nil {
			return false, err
		}
		changed = true
	}
	if s.Adopt && delivery.Proved {
		if err := d.Remove(place.Backup(s.name)); err != nil {
			s.env.Log.Warn("adopted content not removed", "sink", s.env.Name, "err", err)
		}
	}
	return changed, nil
}

// replace writes want and then believes only what it reads: an error after the
// rename does not mean that nothing changed, nor its absence that all went well.
func (s *Sink) replace(d *atomicfile.Dir, want []byte, a atomicfile.Attr, delivery place.Delivery) error {
	err := d.Write(s.name, want, a, func(written []byte) error { return s.same(written, delivery) })
	if errors.Is(err, atomicfile.ErrInDoubt) {
		// A second file, since a failed sync proves nothing when it is repeated.
		err = s.writeAgain(want, a)
	}
	var found atomicfile.File
	var readErr error
	for range place.Readings {
		if found, readErr = d.Read(s.name); readErr == nil {
			break
		}
	}
	defer clear(found.Data)
	switch {
	case readErr != nil:
		return errors.Join(err, readErr)
	case err != nil && !(bytes.Equal(found.Data, want) && a.Has(found.Attr)):
		return err
	case err != nil:
		s.env.Log.Warn("sink written, may not survive a power cut", "sink", s.env.Name, "err", err)
	case !a.Has(found.Attr):
		return fmt.Errorf("%s has mode %04o, uid %d, gid %d right after it was written with others", s.Location, found.Attr.Mode, found.Attr.UID, found.Attr.GID)
	}
	return s.same(found.Data, delivery)
}

func (s *Sink) writeAgain(want []byte, a atomicfile.Attr) error {
	d, _, err := s.Open(s.dir, false)
	if err != nil {
		return err
	}
	return errors.Join(d.Write(s.name, want, a, nil), d.Close())
}

// same says that data, parsed as its reader will, is what was to be delivered.
func (s *Sink) same(data []byte, delivery place.Delivery) error {
	around := surroundings{}
	var err error
	if s.Block {
		if around, err = surround(data); err != nil {
			return err
		}
	}
	found, err := s.dialect.values(data, around)
	if err != nil {
		return fmt.Errorf("read back %s: %w", s.Location, err)
	}
	if !delivery.Equal(found) {
		return fmt.Errorf("read back %s: other values than were written", s.Location)
	}
	return nil
}

// adoptable is nil if taking over somebody else's file loses none of its variables.
func (s *Sink) adoptable(p present, delivery place.Delivery) error {
	if p.syntax != nil {
		return fmt.Errorf("adopt %s, which is %w: it may have variables that livekey cannot see: %w", s.Location, sinks.ErrForeign, p.syntax)
	}
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if _, ours := delivery.Values[name]; !ours {
			extra = append(extra, name)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	return fmt.Errorf("adopt %s, which is %w: it has variables for which livekey has no proved key: %s: move them elsewhere, or set block: true instead of adopt",
		s.Location, sinks.ErrForeign, strings.Join(extra, ", "))
}
